"""The documents of the pictures: invented people, banks and places, as in the drafts of the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.page_api import PageApi, stamp

AGREEMENT = """LOAN AGREEMENT  ·  Nr. [[LoanNumber:0.99|TC-2026-04331]]

[[Date:0.98|17 November 2026]], Halvorsund

1  Parties
This agreement is made between [[Lender:0.94|Northmere Savings Bank, Halvorsund branch at [[Address:0.88|14 Quayside Road, 4021 Halvorsund]]]] (the “Lender”) and [[Borrower:0.99|Marlo Tjaden-Finkenwerth]] and [[Borrower:0.97|Dr. Ilvane Okkersund-Abaraji]], trading as [[Borrower:0.62|Bäckerei Morgenröthe & Töchter GmbH 🥐]] (together the “Borrower”).

For the purposes of the register the second borrower’s name is written [[Borrower:0.71|إلفان أوكرسوند]], and on the deed of the Haifa branch [[Borrower:0.66|אילבן אוקרסונד]].

2  The loan
2.1  [[Clause:0.83|The Lender shall pay out [[Amount:0.99|EUR 248,500.00]] no later than [[Date:0.97|1 December 2026]]]] to account [[Account:0.99|XX21 9876 0000 4410 0077 18]].
2.2  Interest is charged at [[InterestRate:0.96|3.85 % p.a.]] for the first five years, then at [[InterestRate:0.58|the three-month reference rate plus 1.20 points]].
2.3  Für die deutsche Fassung gilt: Der Kredit über [[Amount:0.98|248.500,00 €]] wird bis zum [[Date:0.95|30. November 2041]] in gleichen Raten von [[Amount:0.93|1.842,17 €]] zurückgezahlt.
3  Security
3.1  [[Guarantor:0.91|Oda Lindqvarn-Petterwold]] guarantees the loan up to [[Amount:0.97|EUR 50,000]]. [[Clause:0.44|The guarantor’s spouse has been told and agrees]] ✅.
3.2  The loan is secured by [[Collateral:0.89|the bakery at [[Address:0.92|3 Mill Lane, 4025 Ostervik]], first charge]] and by [[Collateral:0.55|two stone-deck ovens, built 2024]].

4  Notices
Letters to [[Borrower:0.58|Bäckerei Morgenröthe & Töchter GmbH 🥐]] go to the address above; mail to [[Contact:0.95|loans@northmere.example]] or by phone [[Contact:0.90|+00 555 0143]].
"""
AGREEMENT_NAME = "loans/2026-11/TC-2026-04331 Tjaden-Finkenwerth Okkersund-Abaraji loan agreement (signed).pdf"


def with_agreement(api: PageApi, name: str = AGREEMENT_NAME, **more: object) -> str:
    """Put the loan agreement of the pictures in; return its id."""
    cut = AGREEMENT.index("3  Security")
    second = len(_plain(AGREEMENT[:cut]))
    document = api.done(name, AGREEMENT, places=lambda at: {"page": 1 if at < second else 2}, size=212_000, **more)
    text = document.text
    spans = {one["category"]: one for one in document.entities}
    person = [one for one in document.entities if one["category"] in ("Borrower", "Guarantor")][:8]
    pii = [{**one, "category": "Person", "text": text[one["offset"] : one["offset"] + one["length"]]} for one in person]
    pii += [
        {**spans["Contact"], "category": "PhoneNumber"},
        {**spans["Account"], "category": "BankAccount"},
        {**spans["Address"], "category": "Address"},
    ]
    document.results = {
        "classes.json": {
            "kind": "CustomMultiLabelClassification",
            "classes": [
                {"category": "LoanAgreement", "confidenceScore": 0.97},
                {"category": "Secured", "confidenceScore": 0.64},
            ],
        },
        "pii.json": {
            "kind": "PiiEntityRecognition",
            "entities": pii,
            "redacted": {"blob": f"{name}.redacted.txt", "sha256": "0"},
        },
        "keyphrases.json": {
            "kind": "KeyPhraseExtraction",
            "keyPhrases": [
                "agreement",
                "equal instalments",
                "first charge",
                "reference rate",
                "Lender",
                "Borrower",
                "loan",
                "bakery",
            ],
        },
    }
    document.warnings = [{"code": "EncodingGuessed", "message": "The encoding was guessed."}]
    return document.id


def _plain(source: str) -> str:
    from tests.support.page_api import marked

    return marked(source)[0]


F1 = {
    "Amount": (0.86, 0.91, 0.94, 0.96),
    "Bank": (0.91, 0.93, 0.93, 0.95),
    "Borrower": (0.78, 0.84, 0.9, 0.93),
    "Collateral": (None, None, 0.52, 0.71),
    "Date": (0.95, 0.94, 0.97, 0.97),
    "InterestRate": (0.81, 0.88, 0.92, 0.9),
}
"""Of four measurements."""


def model(now: datetime) -> dict[str, Any]:
    """What `/api/model` says of a model that was trained four times."""
    return {
        "model": "loans/production (loans-4)",
        "expires": (now + timedelta(days=27)).date().isoformat(),
        "reviewedSinceTraining": 31,
        "reviewedIsComplete": True,
        "trainedAt": stamp(now - timedelta(days=24)),
        "quality": [
            {
                "at": stamp(now - timedelta(days=24 + 60 * (3 - n))),
                "model": f"loans-{n + 1}",
                "micro": micro,
                "categories": [
                    {"category": name, "f1": values[n]} for name, values in F1.items() if values[n] is not None
                ],
            }
            for n, micro in enumerate((0.84, 0.88, 0.91, 0.93))
        ],
        "command": "python -m functions model train --project loans --yes",
        "mayTrain": False,
    }


def full_list(api: PageApi) -> None:
    """Put the list of the pictures in."""
    now = datetime.now(UTC)

    def ago(seconds: float) -> datetime:
        return now - timedelta(seconds=seconds)

    borrowers = "[[Borrower:0.97|A]] [[Borrower:0.9|B]] [[Lender:0.99|C]] [[Date:0.9|D]] [[Amount:0.9|E]]"
    api.done(
        "mail/inbox/Nachtrag Zinsbindung Öhmichen-Väisälä.eml",
        "[[InterestRate:.9|x]] [[InterestRate:.9|x]] " + "[[Date:.9|d]] " * 4 + "[[Amount:.9|a]] " * 12,
        changed=ago(840),
        size=74_000,
    )
    api.failed(
        "archive/ledger-1998.txt",
        "TooLarge",
        "The document has 24,100,000 bytes; the limit is 10,000,000.",
        "Split it before dropping it, or raise the setting MAX_DOCUMENT_BYTES.",
        changed=ago(720),
        size=24_100_000,
    )
    api.failed(
        "archive/all-mails-2019-to-2026.mbox",
        "TooLarge",
        "The document has 18,000,000 bytes; the limit is 10,000,000.",
        "Split it before dropping it, or raise the setting MAX_DOCUMENT_BYTES.",
        changed=ago(724),
        size=18_000_000,
    )
    for n, minutes in ((2, 62), (3, 63)):
        document = api.failed(
            f"loans/2026-11/TC-2026-0410{n} loan letter.txt",
            "InternalServerError",
            "The service took the document six times and each time reported an error of its own. The documents sent along with it went through, so the text of this one may be the cause.",
            "Replay it now: most such errors pass. If it fails again, send the service’s words and the job number below to its support.",
            fault="service",
            changed=ago(minutes * 60),
            size=4_000,
        )
        document.service_message = (
            "500 InternalServerError: “An unexpected error occurred while analysing the document. Try again later.”"
        )
        start = document.changed - timedelta(minutes=19)
        document.history = [
            {"at": stamp(start), "event": "dropped", "detail": ""},
            {
                "at": stamp(start + timedelta(seconds=2)),
                "event": "submitted",
                "detail": "with 24 others, job 3fa85f64…",
            },
        ]
        document.history += [
            {"at": stamp(start + timedelta(seconds=2 + k * k * 30)), "event": "failed", "detail": f"try {k}"}
            for k in range(1, 7)
        ]
    api.failed(
        "archive/scan0001.bin",
        "NotText",
        "The document is binary data: 812 of its 4,096 bytes are control characters.",
        "Save it as plain text in UTF-8 and drop it again.",
        changed=ago(90_000),
        size=4096,
    )
    api.done(
        "tests/<img src=x onerror=alert(1)>.txt",
        "[[Borrower:0.9|x]] [[LoanNumber:0.9|TC-1]]",
        changed=ago(300),
        size=1000,
    )
    api.done("loans/2026-11/cover sheet.txt", "No names in this one. " * 9, changed=ago(240), size=212)
    api.done(
        "loans/2026-11/repayment plan 2026–2041.xlsx",
        "[[Amount:.9|a]] " * 180 + "[[Date:.9|d]] " * 180 + "[[LoanNumber:.9|TC-1]]",
        changed=ago(190),
        size=96_000,
        warnings=[{"code": "A", "message": "a"}, {"code": "B", "message": "b"}],
    )
    reviewed = api.done(
        "loans/2026-11/TC-2026-04330 Lindqvarn-Petterwold guarantee.docx",
        "[[Guarantor:.9|x]] [[Amount:.9|a]] [[Amount:.9|a]] [[Date:.9|d]] [[Date:.9|d]] [[Lender:.9|l]]",
        changed=ago(185),
        size=58_000,
    )
    reviewed.corrections = {"status": "reviewed", "decisions": [{"decision": "rejected"}] * 3}
    api.failed(
        "collateral/Grundbuchauszug Morgenröthe (gescannt).pdf",
        "ProtectedFile",
        "The file is protected. It opens only with a password, so its text can not be read, and nothing was sent to the service.",
        "Save a copy without password or encryption and drop that.",
        changed=ago(125),
        size=1_800_000,
    )
    api.done("loans/haifa/אישור הלוואה – חיפה.docx", borrowers, changed=ago(70), size=31_000)
    with_agreement(api, changed=ago(65))
    api.put(
        "loans/2026-11/TC-2026-04417 loan letter.txt",
        "x" * 4000,
        state="deferred",
        changed=ago(9),
        next_attempt=stamp(now + timedelta(seconds=12)),
    )
    api.put(
        "loans/2026-11/TC-2026-04418 loan letter.txt", "x" * 3000, state="running", changed=ago(6), job_documents=25
    )
    api.put("mail/inbox/RE: RE: FW: your loan offer 🏠🎉 – two questions.eml", "x" * 48_000, changed=ago(4))
    api.totals = {"all": 12_480, "waiting": 38, "running": 75, "deferred": 25, "done": 12_332, "review": 214}
    api.models = [
        {"model": "loans / production", "expires": stamp(now + timedelta(days=27))},
        {"model": "loans / candidate", "expires": stamp(now + timedelta(days=282))},
        {"model": "mail-intake / v3", "expires": stamp(now + timedelta(days=109))},
    ]
    api.model = model(now)
    api.status = {
        "perMinute": 1240,
        "oldestUnfinished": stamp(ago(42)),
        "warnings": [
            {
                "code": "model_expires",
                "message": "The model loans / production expires in 27 days.",
                "help": "Train it again and swap the deployment; documents keep waiting meanwhile, none is lost.",
            }
        ],
    }
    api.resources = [
        {
            "name": name,
            "requestsPerMinute": limit,
            "requestsInUse": used,
            "throttledUntil": until,
            "state": "healthy",
            "detail": None,
        }
        for name, limit, used, until in (
            ("lang-west-1", 1000, 612, stamp(now + timedelta(seconds=12))),
            ("lang-west-2", 1000, 380, None),
            ("lang-north-1", 1000, 41, None),
        )
    ]
    api.failures = [
        {"code": code, "title": title, "count": n}
        for code, title, n in (
            ("TooLarge", "Too large", 92),
            ("InternalServerError", "Service failed five times", 41),
            ("ProtectedFile", "Locked with a password", 33),
            ("NotText", "No known format", 27),
            ("InvalidDocument", "Refused by the service", 14),
            ("TimedOut", "Given up after 7 days", 7),
        )
    ]
    hour = now.replace(minute=0, second=0, microsecond=0)
    api.hours = [
        {
            "hour": stamp(hour - timedelta(hours=k)),
            "done": 900 + (k * 389) % 700 if k not in (8, 9) else 240,
            "failed": [0, 0, 4, 0, 11][k % 5],
            "textRecords": 2100,
            "deferredMinutes": 38 if k in (8, 9) else 0,
        }
        for k in range(719, -1, -1)
    ]


def long_words(api: PageApi) -> None:
    """Make what can be long as long as it gets: waiting times, names of resources, models and causes, explanations."""
    host = "the-language-resource-of-the-loans-department-in-the-west-of-europe-1"
    name, limit, used = host[:64], 1_000_000, 999_999
    until = stamp(datetime.now(UTC) + timedelta(hours=11, minutes=6))
    detail = f"The resource https://{name}.cognitiveservices.azure.com refuses the key (401 Unauthorized)."
    api.resources = [
        {
            "name": name,
            "requestsPerMinute": limit,
            "requestsInUse": used,
            "throttledUntil": throttled,
            "state": state,
            "detail": words,
        }
        for throttled, state, words in (
            (until, "healthy", None),
            (None, "misconfigured", detail),
            (None, "failing", detail),
        )
    ]
    model_name = "loan-agreements-and-their-guarantees_" * 2 + "/production-of-the-second-half-of-2026"
    expires = stamp(datetime.now(UTC) + timedelta(days=27))
    api.models = [{"model": model_name, "expires": expires}, {"model": "m" * 100, "expires": None}]
    assert isinstance(api.model, dict)
    category = "NameOfTheBorrowerAsWrittenInTheLandRegister_2026ff"
    api.model = {
        **api.model,
        "model": model_name,
        "command": f"python -m functions model train --project {'loans' * 10} --yes",
        "quality": [
            {**one, "model": model_name, "categories": [{"category": category, "f1": 0.5}, *one["categories"]]}
            for one in api.model["quality"]
        ],
    }
    assert api.failures is not None
    api.failures = [{"code": "InvalidRequestBodyFormatOfTheService", "title": "T" * 60, "count": 1_234_567}]
    api.totals = dict.fromkeys(api.totals, 12_345_678)
    api.status = {
        **api.status,
        "perMinute": 1_234_567,
        "warnings": [{"code": "model_expires", "message": f"The model {model_name} expires.", "help": detail}],
    }
    api.done(
        "a" * 200 + "/" + "b" * 200 + ".txt",
        f"[[{category}:0.9|{'x' * 300}]] " + "y" * 2000,
        warnings=[{"code": "A", "message": "z" * 300}],
    )
    api.failed("c" * 300 + ".bin", "NotText", "n" * 300, "h" * 300)
