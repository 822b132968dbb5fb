"""Corrections as a person makes them of a document of a world."""

import json
from collections.abc import Iterable
from typing import Any

from functions.core.decisions import corrections_name
from functions.labels.values import Span
from tests.support.world import World


def place(span: Span) -> dict[str, Any]:
    return {"category": span.category, "offset": span.start, "length": span.end - span.start}


def decisions(found: Iterable[Span], wanted: Iterable[Span]) -> list[dict[str, Any]]:
    """Return the decisions that make what was found into what is wanted; one for each entity."""
    found, wanted = list(dict.fromkeys(found)), list(dict.fromkeys(wanted))
    made = []
    for span in found:
        entity = place(span) if span in wanted else None
        made.append(("accepted" if entity else "rejected", {**place(span), "confidence": 0.9}, entity))
    made += [("added", None, place(span)) for span in wanted if span not in found]
    return [
        {"id": f"d{n}", "at": "2025-01-15T12:00:00Z", "by": "key", "decision": verdict, "modelEntity": model,
         "entity": entity}
        for n, (verdict, model, entity) in enumerate(made)
    ]  # fmt: skip


def found_in(world: World, name: str) -> list[Span]:
    """Return what a document's result has, in code points."""
    entities = (world.entities(name) or {"entities": []})["entities"]
    return [Span(one["offset"], one["offset"] + one["length"], one["category"]) for one in entities]


def correct(world: World, name: str, wanted: Iterable[Span] | None = None, **more: Any) -> None:
    """Write the corrections of a document that is done; `more` are fields of the file that are others."""
    result = world.entities(name) or {}
    found = found_in(world, name)
    content = {
        "version": 1,
        "document": {"name": name, "etag": result["document"]["etag"]},
        "text": {"sha256": None},
        "stringIndexType": "UnicodeCodePoint",
        "model": result["model"],
        "decisions": decisions(found, found if wanted is None else wanted),
        "status": "reviewed",
        "reason": None,
        **more,
    }
    world.output.write(corrections_name(name), json.dumps(content).encode())
