"""Small labelled projects for the tests: texts with their labels marked in place, and ways to ask the service."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from local.language_service.service import LanguageService
from local.stand_in.in_process import InProcessAdapter, MovableClock

ENDPOINT = "https://loans.cognitiveservices.azure.com"
GA = "2023-04-01"
KEY_HEADER = {"Ocp-Apim-Subscription-Key": "local"}

_MARK = re.compile(r"\[(\w+)\|([^\]]*)\]")

_PEOPLE = [
    ("Jennifer Wilkins", "Kearney Bank", "12,000.00", "3 May 2021"),
    ("Thomas O'Hara", "Bank of Lynn & Co.", "7,500.00", "17 June 2020"),
    ("María Núñez", "Farmers Trust", "950.00", "1 January 2022"),
    ("Abdul Rahman", "Kearney Bank", "31,250.50", "28 February 2019"),
    ("Grace Lee", "First Harbor Bank", "4,000.00", "9 March 2021"),
    ("Peter van Dam", "Farmers Trust", "88,000.00", "30 November 2018"),
    ("Ingrid Olsen", "First Harbor Bank", "1,750.25", "12 August 2020"),
    ("Samuel Brandt", "Bank of Lynn & Co.", "63,000.00", "5 October 2021"),
]
_LETTERS = [
    "Dear Sir,\n\nthe loan of [Amount|${amount}] to [Borrower|{name}] was signed on [Date|{date}]. "
    "The lender is [Lender|{bank}].\n\nYours faithfully\n",
    "Loan agreement\nBorrower: [Borrower|{name}]\nLender: [Lender|{bank}]\nAmount: [Amount|${amount}]\n"
    "Date: [Date|{date}]\n",
    "On [Date|{date}], [Lender|{bank}] agreed to lend [Amount|${amount}] to [Borrower|{name}]. "
    "The money is to be paid back in monthly parts; nothing else was agreed.\n",
]

#: Marked texts by file name: enough for a model that finds most of what the texts below hold.
LETTERS = {
    f"letter-{i}-{k}.txt": letter.format(name=name, bank=bank, amount=amount, date=date)
    for i, (name, bank, amount, date) in enumerate(_PEOPLE)
    for k, letter in enumerate(_LETTERS)
}
LETTER_CATEGORIES = ("Amount", "Borrower", "Date", "Lender")

#: A text like the ones above that is not one of them.
NEW_LETTER = (
    "On 4 April 2021, Kearney Bank agreed to lend $2,500.00 to Grace Lee. "
    "The money is to be paid back in monthly parts; nothing else was agreed.\n"
)

NOTES = {
    "loan": [
        "The loan carries interest and is repaid in monthly instalments.",
        "Your loan agreement and the interest rate of the loan.",
        "The borrower owes the lender the loan and interest.",
        "Interest on the loan is due each month.",
    ],
    "travel": [
        "The train leaves the station and the hotel is near the beach.",
        "We booked a flight and a hotel for the holiday.",
        "The flight to the island takes an hour by night.",
        "A train ticket and a room in a hotel at the sea.",
    ],
    "garden": [
        "Water the roses and cut the hedge in the garden.",
        "The garden has apple trees, roses and a pond.",
        "Plant the seeds in the garden in spring.",
        "The hedge and the apple trees grow in the garden.",
    ],
}


def marked(text: str) -> tuple[str, list[tuple[str, int, int]]]:
    """Take the marks ``[Category|text]`` out; gives the text and (category, offset, length) in code points."""
    plain, labels, end = "", [], 0
    for match in _MARK.finditer(text):
        plain += text[end : match.start()]
        labels.append((match[1], len(plain), len(match[2])))
        plain += match[2]
        end = match.end()
    return plain + text[end:], labels


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def write_entity_project(
    folder: Path, documents: Mapping[str, str], categories: Sequence[str], *, project: str = "loans"
) -> Path:
    """Write marked texts as a labels file of the export format with its documents; gives the labels file."""
    listed = []
    for name, text in documents.items():
        plain, labels = marked(text)
        (folder / name).write_bytes(plain.encode())
        listed.append(
            {
                "location": name,
                "language": "en-us",
                "dataset": "Train",
                "entities": [
                    {
                        "regionOffset": 0,
                        "regionLength": utf16(plain),
                        "labels": [
                            {
                                "category": category,
                                "offset": utf16(plain[:offset]),
                                "length": utf16(plain[offset : offset + length]),
                            }
                            for category, offset, length in labels
                        ],
                    }
                ],
            }
        )
    assets = {"entities": [{"category": name} for name in categories], "documents": listed}
    return write_labels(folder, "CustomEntityRecognition", project, assets)


def write_class_project(folder: Path, kind: str, project: str) -> Path:
    """Write ``NOTES`` as a labels file of a classification project; gives the labels file."""
    single = kind == "CustomSingleLabelClassification"
    listed: list[dict[str, Any]] = []
    for category, texts in NOTES.items():
        for n, text in enumerate(texts):
            name = f"{category}-{n}.txt"
            (folder / name).write_text(text, encoding="utf-8")
            listed.append({"location": name, "class": {"category": category}})
    for listed_document in listed if not single else []:
        listed_document["classes"] = [listed_document.pop("class")]
    if not single:
        both = f"{NOTES['loan'][0]} {NOTES['garden'][0]}"
        (folder / "both.txt").write_text(both, encoding="utf-8")
        listed.append({"location": "both.txt", "classes": [{"category": "loan"}, {"category": "garden"}]})
    assets = {"classes": [{"category": name} for name in NOTES], "documents": listed}
    return write_labels(folder, kind, project, assets)


def write_labels(folder: Path, kind: str, project: str, assets: dict[str, Any]) -> Path:
    path = folder / f"{project}-labels.json"
    content = {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": kind, "projectName": project, "language": "en-us"},
        "assets": {"projectKind": kind, **assets},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def entity_task(name: str | None = "0", unit: str | None = "UnicodeCodePoint", **changes: Any) -> dict[str, Any]:
    parameters = {"projectName": "loans", "deploymentName": "production", **changes}
    if unit:
        parameters["stringIndexType"] = unit
    task: dict[str, Any] = {"kind": "CustomEntityRecognition", "parameters": parameters}
    return task if name is None else {**task, "taskName": name}


def class_task(kind: str, name: str = "0") -> dict[str, Any]:
    project = "notes" if kind == "CustomSingleLabelClassification" else "tags"
    return {"kind": kind, "taskName": name, "parameters": {"projectName": project, "deploymentName": "production"}}


def documents(*texts: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": str(n), "text": text, **fields} for n, text in enumerate(texts)]


class TickingClock(MovableClock):
    """Moves half a second each time it is read: a client that polls without a pause sees a job go its way."""

    def __call__(self) -> datetime:
        self.advance(0.5)
        return super().__call__()


class Caller:
    """Speaks to a service in this process, as a client with a key would, and moves its clock."""

    def __init__(self, service: LanguageService, clock: MovableClock) -> None:
        self.service = service
        self.clock = clock
        self.session = requests.Session()
        self.session.headers.update(KEY_HEADER)
        self.session.mount(ENDPOINT, InProcessAdapter(service))

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        if isinstance(body, (bytes, type(None))):
            return self.session.post(ENDPOINT + path, data=body, timeout=60, **options)
        return self.session.post(ENDPOINT + path, json=body, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(ENDPOINT + path, timeout=60, **options)

    def submit(
        self,
        *texts: str,
        tasks: Sequence[Any] | None = None,
        version: str = GA,
        docs: Sequence[Any] | None = None,
        **fields: Any,
    ) -> requests.Response:
        """Submit a job by the date-versioned API."""
        body = {
            "analysisInput": {"documents": list(docs) if docs is not None else documents(*texts)},
            "tasks": [entity_task()] if tasks is None else list(tasks),
            **fields,
        }
        return self.post(f"/language/analyze-text/jobs?api-version={version}", body)

    def submit_preview(
        self,
        *texts: str,
        parameters: Mapping[str, Any] | None = None,
        array: str = "customEntityRecognitionTasks",
        version: str = "v3.1-preview.ct.1",
        docs: Sequence[Any] | None = None,
        task: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> requests.Response:
        """Submit a job by one of the preview APIs."""
        given = {"project-name": "loans", "deployment-name": "production"} if parameters is None else parameters
        body = {
            "analysisInput": {"documents": list(docs) if docs is not None else documents(*texts)},
            "tasks": {array: [{"parameters": given, **(task or {})}]},
            **fields,
        }
        return self.post(f"/text/analytics/{version}/analyze", body)

    def follow(self, submitted: requests.Response, suffix: str = "", *, seconds: float = 10) -> requests.Response:
        """Let time pass, then ask for the job that was submitted."""
        self.clock.advance(seconds)
        return self.session.get(submitted.headers["operation-location"] + suffix, timeout=60)

    def finished(self, submitted: requests.Response, suffix: str = "") -> Any:
        """Give the body of the finished job."""
        assert submitted.status_code == 202, submitted.text
        reply = self.follow(submitted, suffix)
        assert reply.status_code == 200, reply.text
        return reply.json()


#: For the kinds that need no project.
MESSAGE = (
    "Dr. Jane Foster of Kearney Bank called 555-123-4567 on 3 May 2021 about $2,500.00. "
    "Mail jane.foster@example.com, SSN 859-98-0987. She lives at 12 Elm Street, Berlin."
)
CHART = (
    "The patient, a 54-year-old woman, takes metformin 500 mg twice daily and 81 mg aspirin orally. "
    "She denies chest pain but has a fever. Mother had diabetes."
)
