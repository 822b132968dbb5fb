"""Documents to measure with: letters about loans in the manner of the samples, the same ones every time."""

import random
from collections.abc import Iterator
from typing import NamedTuple

CHARACTERS = 2_000
"""About the length of a two-page letter; two text records on the bill."""

SHARD = 100
"""Documents in a folder, so that a listing can ask for the folders that are not complete yet only."""

_FIRST = ("Jennifer", "Tomasz", "Amina", "Luc", "Olena", "Grace", "Henrik", "Sofia", "Daniel", "Marta", "Idris", "Ana")
_LAST = ("Wilkins", "Petrov", "Corbett", "Garnier", "Rahman", "Hollis", "Papadopoulou", "Lindqvist", "Okafor", "Novak")
_BANKS = ("Larkspur Bank plc", "Castellane Crédit Coopératif", "Harrowgate Mutual", "Tidewater Savings Bank")
_STREETS = ("Quarry Lane", "Ferry Road", "Mill Street", "Harbour View", "Orchard Close", "Station Parade")
_TOWNS = ("Norwick", "Port-Vallon", "Eastmere", "Kirkholm", "Saint Brede")
_MONTHS = ("January", "March", "May", "June", "September", "November")

_FACTS = (
    "{bank} lends {name} the sum of £{amount:,}.00 under loan number {number}.",
    "The rate of interest is {rate:.2f}% a year, fixed for the first five years.",
    "The agreement is dated {day} {month} {year}.",
    "The borrower is {name}, {house} {street}, {town}.",
    "We confirm that loan {number} of £{amount:,}.00 was paid out on {day} {month} {year}.",
    "Under our offer {name} may borrow up to £{amount:,}.00 at {rate:.2f}%.",
)
_FILLERS = (
    "Payments are taken from your account on the first working day of each month.",
    "You may repay all or part of what you owe at any time, and we will tell you what it comes to.",
    "Please read the enclosed conditions with care and keep this letter with your papers.",
    "If anything in it is not clear, our branch is open from nine to four on weekdays.",
    "The security for the loan remains as it was agreed, and nothing in this letter changes it.",
    "We have asked our solicitors to send you the papers that still need your signature.",
    "A late payment costs twelve pounds, and we will write to you before we charge it.",
    "Your file has been read by two of us, and both were content with what they saw.",
    "The insurance of the building must stay in force for as long as anything is owed.",
    "Should your circumstances change, tell us early: much can be arranged in good time.",
    "Nothing is due in the month of the completion; the first instalment falls in the month after.",
    "The survey found the roof sound and the cellar dry, and asked for no further report.",
)


class Document(NamedTuple):
    """A document to drop."""

    name: str
    text: str

    @property
    def data(self) -> bytes:
        """The document's bytes, UTF-8."""
        return self.text.encode()


def documents(count: int, characters: int = CHARACTERS) -> list[Document]:
    """Return `count` different letters of about `characters` characters; the same for the same arguments."""
    return [
        Document(f"{number // SHARD:03}/letter-{number:05}.txt", letter(number, characters)) for number in range(count)
    ]


def folders(dropped: list[Document]) -> dict[str, int]:
    """Return how many of the documents lie in each folder."""
    counts: dict[str, int] = {}
    for document in dropped:
        folder = document.name.partition("/")[0] + "/"
        counts[folder] = counts.get(folder, 0) + 1
    return counts


def letter(number: int, characters: int) -> str:
    """Return letter `number`: paragraphs of facts and fillers up to a little less than `characters` characters."""
    rng = random.Random(number)
    text = f"Letter {number}\n\n"
    for sentence in _sentences(rng):
        if len(text) + len(sentence) + 2 > characters:
            break
        text += sentence + ("\n\n" if rng.random() < 0.2 else " ")
    return text.rstrip() + "\n"


def _sentences(rng: random.Random) -> Iterator[str]:
    while True:
        person = {
            "name": f"{rng.choice(_FIRST)} {rng.choice(_LAST)}",
            "bank": rng.choice(_BANKS),
            "number": f"{rng.choice('ABCDEFG')}{rng.choice('HJKLM')}-{rng.randrange(10, 99)}-{rng.randrange(9_999):04}",
            "amount": rng.randrange(1, 400) * 500,
            "rate": rng.randrange(225, 990) / 100,
            "day": rng.randrange(1, 29),
            "month": rng.choice(_MONTHS),
            "year": rng.randrange(2015, 2027),
            "house": rng.randrange(1, 200),
            "street": rng.choice(_STREETS),
            "town": rng.choice(_TOWNS),
        }
        for fact in rng.sample(_FACTS, 2):
            yield fact.format(**person)
            yield from rng.sample(_FILLERS, rng.randrange(1, 4))
