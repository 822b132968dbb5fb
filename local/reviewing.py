"""A reviewer who knows what is right: writes the corrections of results so that they come to given labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from functions.labels.values import Span


def decisions(found: Iterable[Span], wanted: Iterable[Span], at: str = "2025-01-15T12:00:00Z") -> list[dict[str, Any]]:
    """Return the decisions that make what was found into what is wanted, one for each entity."""
    found, wanted = list(dict.fromkeys(found)), list(dict.fromkeys(wanted))
    made: list[tuple[str, dict[str, Any] | None, dict[str, Any] | None]] = []
    for span in found:
        entity = _place(span) if span in wanted else None
        made.append(("accepted" if entity else "rejected", {**_place(span), "confidence": 0.9}, entity))
    made += [("added", None, _place(span)) for span in wanted if span not in found]
    return [
        {"id": f"d{n}", "at": at, "by": "key", "decision": verdict, "modelEntity": model, "entity": entity}
        for n, (verdict, model, entity) in enumerate(made)
    ]


def corrections(result: Mapping[str, Any], wanted: Iterable[Span] | None = None, **more: Any) -> dict[str, Any]:
    """Return the corrections file of a result with offsets in code points; without `wanted` all of it is accepted.

    `more` are fields of the file that are others.
    """
    found = [Span(one["offset"], one["offset"] + one["length"], one["category"]) for one in result["entities"]]
    return {
        "version": 1,
        "document": {"name": result["document"]["name"], "etag": result["document"]["etag"]},
        "text": {"sha256": None},
        "stringIndexType": result["stringIndexType"],
        "model": result["model"],
        "decisions": decisions(found, found if wanted is None else wanted),
        "status": "reviewed",
        "reason": None,
        **more,
    }


def _place(span: Span) -> dict[str, Any]:
    return {"category": span.category, "offset": span.start, "length": span.end - span.start}
