"""Malformed parts of a reply: what the job faults ``odd-entity`` and ``odd-document`` put into the first document.

The other documents of the reply stay as they are. Which variant a job gets is drawn with the job, so it is the same at
each poll; the variants are named here so that a test can ask for each.
"""

import math
from collections.abc import Mapping
from typing import Any

from local.stand_in.errors import nested

#: Replaced in the written body by objects nested 3,000 deep, which ``json.dumps`` cannot write.
_DEEP = "deep:5c2f8a"
_DEPTH = 3000

#: What becomes of one entity, by name: the fields that are replaced; ``...`` takes a field out.
ODD_ENTITIES: Mapping[str, Any] = {
    "offset 12.5": {"offset": 12.5},
    "offset NaN": {"offset": math.nan},
    "offset null": {"offset": None},
    "offset missing": {"offset": ...},
    "offset a string": {"offset": "12"},
    "offset negative": {"offset": -1},
    "offset of 400 digits": {"offset": 10**400},
    "length infinite": {"length": math.inf},
    "length negative": {"length": -3},
    "length true": {"length": True},
    "category missing": {"category": ...},
    "category a list": {"category": ["Borrower"]},
    "category a lone surrogate": {"category": "\ud83d"},
    "confidence NaN": {"confidenceScore": math.nan},
    "confidence a string": {"confidenceScore": "high"},
    "text null": {"text": None},
    "text a lone surrogate": {"text": "\ude00"},
    "text nested 3,000 deep": {"text": _DEEP},
    "null": None,
    "a string": "entity",
    "a list": [],
}

_AS_ERROR = "InvalidArgument"

#: What becomes of a document's entry, by name: the fields that are replaced, or the whole entry; ``...`` takes a field
#: out.
ODD_ENTRIES: Mapping[str, Any] = {
    "entities null": {"entities": None},
    "entities missing": {"entities": ...},
    "entities a string": {"entities": "none"},
    "entities an object": {"entities": {"0": {}}},
    "entities nested 3,000 deep": {"entities": [_DEEP]},
    "every offset 12.5": {"entities": [{"text": "x", "category": "Odd", "offset": 12.5, "length": 1}]},
    "every number NaN": {
        "entities": [
            {"text": "x", "category": "Odd", "offset": math.nan, "length": math.nan, "confidenceScore": math.nan}
        ]
    },
    "warnings a string": {"warnings": "none"},
    "warnings a lone surrogate": {"warnings": [{"code": "Odd", "message": "\ud83d"}]},
    "id missing": {"id": ...},
    "id null": {"id": None},
    "id a list": {"id": ["0"]},
    "null": None,
    "a string": "document",
    "a list": [],
}

#: The error that a document has instead of an entry, by name; the id stays.
ODD_ERRORS: Mapping[str, Any] = {
    "innererror a string": {"code": _AS_ERROR, "message": "odd", "innererror": "InvalidDocument"},
    "innererror a list": {"code": _AS_ERROR, "message": "odd", "innererror": [1]},
    "innererror nested 3,000 deep": {"code": _AS_ERROR, "message": "odd", "innererror": _DEEP},
    "code a list": {"code": [_AS_ERROR], "message": "odd"},
    "code null": {"code": None, "message": "odd"},
    "code missing": {"message": "odd"},
    "message an object": {"code": _AS_ERROR, "message": {"lang": "en"}},
    "message a lone surrogate": {"code": _AS_ERROR, "message": "\ud83d"},
    "error a string": "failed",
    "error null": None,
    "error a list": [],
    "error a number": math.nan,
}

#: All variants of ``odd-document``.
ODD_DOCUMENTS = (*ODD_ENTRIES, *ODD_ERRORS)


def variant_of(fate: str | None, chance: float) -> str | None:
    """Give the name of the variant of a job with this fate; ``chance`` is from 0 to below 1."""
    names = {"odd-entity": tuple(ODD_ENTITIES), "odd-document": ODD_DOCUMENTS}.get(fate or "")
    return names[int(chance * len(names))] if names else None


def apply(fate: str | None, chance: float, results: dict[str, Any]) -> None:
    """Make the first document of a task's results, or one entity of it, malformed; other fates change nothing."""
    variant = variant_of(fate, chance)
    if variant is None or not results["documents"]:
        return
    documents: list[Any] = results["documents"]
    if fate == "odd-entity":
        found = documents[0].get("entities")
        if found is not None:
            whole = found[0] if found else {"text": "x", "category": "Odd", "offset": 0, "length": 1}
            found[:1] = [_changed(whole, ODD_ENTITIES[variant])]
    elif variant in ODD_ERRORS:
        first = documents.pop(0)
        results["errors"] = [{"id": first["id"], "error": ODD_ERRORS[variant]}, *results["errors"]]
    else:
        documents[0] = _changed(documents[0], ODD_ENTRIES[variant])


def deepened(body: bytes, fate: str | None) -> bytes:
    """Put the nested objects into a written body where a variant asked for them."""
    if fate not in ("odd-entity", "odd-document"):
        return body
    return body.replace(f'"{_DEEP}"'.encode(), nested(_DEPTH))


def _changed(whole: Mapping[str, Any], change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    return {name: value for name, value in {**whole, **change}.items() if value is not ...}
