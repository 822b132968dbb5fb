"""Corrections as a person makes them of a document of a world."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from functions.core.decisions import corrections_name, decode_corrections
from functions.labels.values import Span
from functions.workflows.correcting import Saved
from local.reviewing import corrections
from tests.support.world import World


def found_in(world: World, name: str) -> list[Span]:
    """Return what a document's result has, in code points."""
    entities = (world.entities(name) or {"entities": []})["entities"]
    return [Span(one["offset"], one["offset"] + one["length"], one["category"]) for one in entities]


def correct(world: World, name: str, wanted: Iterable[Span] | None = None, **more: Any) -> None:
    """Write the corrections of a document that is done; `more` are fields of the file that are others."""
    content = corrections(world.entities(name) or {}, wanted, **more)
    world.output.write(corrections_name(name), json.dumps(content).encode())


def save(world: World, name: str, wanted: Iterable[Span] | None = None, **more: Any) -> Saved:
    """Save corrections of a document as the page does, over those that are there."""
    asked = decode_corrections(
        json.dumps(corrections(world.entities(name) or {}, wanted, **_text(world, name), **more)).encode()
    )
    correcting = world.app.web.correcting
    present = correcting.read(name)
    saved = correcting.save(name, asked, "key", present.etag if present else None)
    assert isinstance(saved, Saved), saved
    return saved


def _text(world: World, name: str) -> dict[str, Any]:
    return {"text": {"sha256": hashlib.sha256(world.intake.read(name).data).hexdigest()}}
