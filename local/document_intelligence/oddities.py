"""Malformed parts of a result: what the job faults ``odd-page`` and ``odd-result`` make of it.

Which variant a job gets is drawn with the job, so it is the same at each poll; the variants are named here so that a
test can ask for each.
"""

import math
from collections.abc import Mapping
from typing import Any

from local.stand_in.errors import nested

#: Replaced in the written body by objects nested 3,000 deep, which ``json.dumps`` cannot write.
_DEEP = "deep:7d41e0"
_DEPTH = 3000

#: What becomes of the first page, by name: the fields that are replaced, or the whole page; ``...`` takes a field out.
ODD_PAGES: Mapping[str, Any] = {
    "number missing": {"pageNumber": ...},
    "number 0": {"pageNumber": 0},
    "number a string": {"pageNumber": "1"},
    "number of 400 digits": {"pageNumber": 10**400},
    "lines missing": {"lines": ...},
    "lines null": {"lines": None},
    "lines a string": {"lines": "none"},
    "line without content": {"lines": [{"spans": []}]},
    "line a lone surrogate": {"lines": [{"content": "\ud83d", "spans": []}]},
    "line nested 3,000 deep": {"lines": [_DEEP]},
    "words null": {"words": None},
    "confidence NaN": {"words": [{"content": "x", "confidence": math.nan, "span": {"offset": 0, "length": 1}}]},
    "confidence 7": {"words": [{"content": "x", "confidence": 7, "span": {"offset": 0, "length": 1}}]},
    "confidence a string": {"words": [{"content": "x", "confidence": "high", "span": {"offset": 0, "length": 1}}]},
    "null": None,
    "a string": "page",
    "a list": [],
}

#: What becomes of ``analyzeResult``, by name.
ODD_RESULTS: Mapping[str, Any] = {
    "pages missing": {"pages": ...},
    "pages null": {"pages": None},
    "pages an object": {"pages": {"1": {}}},
    "pages nested 3,000 deep": {"pages": [_DEEP]},
    "null": None,
    "a string": "result",
    "a list": [],
}

_VARIANTS: Mapping[str, Mapping[str, Any]] = {"odd-page": ODD_PAGES, "odd-result": ODD_RESULTS}


def variant_of(fate: str | None, chance: float) -> str | None:
    """Give the name of the variant of a job with this fate; ``chance`` is from 0 to below 1."""
    names = tuple(_VARIANTS.get(fate or "", {}))
    return names[int(chance * len(names))] if names else None


def apply(fate: str | None, chance: float, result: dict[str, Any]) -> Any:
    """Give a result with its oddity; other fates change nothing."""
    variant = variant_of(fate, chance)
    if variant is None or not result["pages"]:
        return result
    if fate == "odd-result":
        return _changed(result, ODD_RESULTS[variant])
    first, *others = result["pages"]
    return {**result, "pages": [_changed(first, ODD_PAGES[variant]), *others]}


def deepened(body: bytes) -> bytes:
    """Put the nested objects into a written body where a variant asked for them."""
    return body.replace(f'"{_DEEP}"'.encode(), nested(_DEPTH))


def _changed(whole: Mapping[str, Any], change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    return {name: value for name, value in {**whole, **change}.items() if value is not ...}
