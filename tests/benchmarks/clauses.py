"""Loan agreements of long clauses in three forms, made by chance; whose each name is stands at the clause's end."""

import random

from local.language_service.labels import EntityLabel, LabelledDocument, LabelsFile, ProjectKind

_FIRST = [
    "Casey",
    "Hollie",
    "Andre",
    "Mina",
    "Jordan",
    "Petra",
    "Liam",
    "Sophie",
    "Omar",
    "Yuki",
    "Carmen",
    "Dmitri",
    "Ella",
    "Frank",
    "Grace",
    "Hana",
    "Ivan",
    "Julia",
    "Karl",
    "Lena",
    "Mateo",
    "Nora",
    "Otto",
    "Priya",
]
_LAST = [
    "Jensen",
    "Rees",
    "Lawson",
    "Okafor",
    "Smith",
    "Novak",
    "Brennan",
    "Dubois",
    "Haddad",
    "Tanaka",
    "Ruiz",
    "Petrov",
    "Larsen",
    "Weber",
    "Lee",
    "Suzuki",
    "Ivanov",
    "Costa",
    "Becker",
    "Fischer",
    "Garcia",
    "Olsen",
    "Braun",
    "Shah",
]
_STREETS = ["Pennsylvania", "Gladwell", "Main", "Oak", "Larkspur", "Elm", "King's", "Maple Grove", "Riverside", "Hill"]
_KINDS = ["Avenue", "Street", "Road", "Lane", "Drive", "Court"]
_CITIES = [
    "New Brunswick",
    "Memphis",
    "Springfield",
    "Fort Wayne",
    "Los Angeles",
    "Tulsa",
    "Boise",
    "Santa Fe",
    "Dayton",
    "Salem",
]
_STATES = [
    "New Jersey",
    "Tennessee",
    "Illinois",
    "Indiana",
    "California",
    "Oklahoma",
    "Idaho",
    "New Mexico",
    "Ohio",
    "Oregon",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


class _Writer:
    """Writes one agreement, and remembers what is labelled."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.text = ""
        self.labels: list[EntityLabel] = []
        units = _ONES[:9]
        self.words = (
            f"{draw.choice(units)} hundred {draw.choice(_TENS)}-{draw.choice(units)} thousand "
            f"{draw.choice(units)} hundred {draw.choice(_TENS)}-{draw.choice(units)}"
        )
        self.amount = f"${draw.randint(10, 999)},{draw.randint(0, 999):03}.00"
        self.rate = draw.randint(2, 12)
        day, year = draw.randint(1, 28), draw.randint(2010, 2022)
        months = ("January", "March", "June", "October")
        self.date = draw.choice([f"{draw.randint(1, 12)}/{day}/{year}", f"{draw.choice(months)} {day}, {year}"])

    def add(self, *parts: str | tuple[str, str]) -> None:
        for part in parts:
            text, category = part if isinstance(part, tuple) else (part, "")
            if category:
                self.labels.append(EntityLabel(category, len(self.text), len(text)))
            self.text += text

    def party(self, role: str) -> None:
        choice = self.draw.choice
        self.add(
            (f"{choice(_FIRST)} {choice(_LAST)}", f"{role}Name"),
            choice([" with a mailing address of ", ", residing at ", " whose address is "]),
            (f"{self.draw.randint(1, 9999)} {choice(_STREETS)} {choice(_KINDS)}", f"{role}Address"),
            ", City of ",
            (choice(_CITIES), f"{role}City"),
            ", State of ",
            (choice(_STATES), f"{role}State"),
            f' (the "{role}")',
        )

    def sections(self) -> None:
        rate = f"{_ONES[self.rate - 1]} percent ({self.rate}%)"
        self.add(
            "Date ",
            (self.date, "Date"),
            "\n\nThis is a Loan agreement between the two individuals mentioned below in the parties section of the "
            "agreement. \n\nI. Parties of agreement\n- ",
        )
        self.party("Borrower")
        self.add("\n- ")
        self.party("Lender")
        self.add("\n\nII. Amount\nThe loan amount given by lender to borrower is ", (self.words, "LoanAmountWords"))
        self.add(
            " Dollars (", (self.amount, "LoanAmountNumbers"), ' ("The Note")\n\nIII. Interest\nThe Note shall bear '
        )
        self.add("interest ", (rate, "Interest"), " compounded annually.\n\nIV. Payment\nThe amount mentioned in this ")
        self.add(
            "agreement (the Note), including the principal and any accrued interest is to be paid in equal parts.\n\n"
        )
        self.add("V. Governing Law\nThis Note shall be governed under the laws in the State of Ohio.\n")

    def one_clause(self) -> None:
        rate = f"{_ONES[self.rate - 1]} percent ({self.rate}%)"
        self.add("LOAN AGREEMENT\n\nTHIS LOAN AGREEMENT is made and entered into on ", (self.date, "Date"))
        self.add(" by and between ")
        self.party("Borrower")
        self.add(", and ")
        self.party("Lender")
        self.add(", who agree as follows. The Lender agrees to lend the Borrower the sum of ")
        self.add((self.words, "LoanAmountWords"), " dollars, ", (self.amount, "LoanAmountNumbers"))
        self.add(", which the Borrower promises to pay back with interest of ", (rate, "Interest"))
        self.add(
            " a year on the unpaid balance, starting from the day on which the money is paid out. If the Borrower does "
            "not pay within ten days after a payment is due, a late charge of $50.00 is added; nothing in this clause "
            "stops the Lender from asking for the whole balance at once. This agreement is governed by the laws of "
            "the State of Nevada.\n"
        )

    def note(self) -> None:
        self.add("PROMISSORY NOTE\n\nFor value received on ", (self.date, "Date"), ", the undersigned, ")
        self.party("Borrower")
        self.add(", promises to pay to the order of ")
        self.party("Lender")
        self.add(" the principal amount of ", (self.amount, "LoanAmountNumbers"), " (", (self.words, "LoanAmountWords"))
        self.add(" dollars), with interest at the rate of ", (f"{self.rate}%", "Interest"))
        self.add(
            " per annum until paid.\n\nPayments are applied first to interest and then to principal. The Borrower "
        )
        self.add("may pay early without a fee.\n\nThe note may be transferred by the Lender after 12 months.\n")


def agreements(count: int = 20, seed: int = 1) -> LabelsFile:
    """Return labelled agreements, the same for the same seed."""
    draw = random.Random(seed)
    documents = []
    for n in range(count):
        writer = _Writer(draw)
        draw.choice((writer.sections, writer.one_clause, writer.note))()
        documents.append(LabelledDocument(f"a{n}.txt", writer.text, tuple(writer.labels)))
    categories = sorted({label.category for document in documents for label in document.entities})
    return LabelsFile(ProjectKind.ENTITIES, "agreements", "en", tuple(categories), tuple(documents))
