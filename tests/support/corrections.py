"""Corrections as a person makes them of a document of a world."""

import json
from collections.abc import Iterable
from typing import Any

from functions.core.decisions import corrections_name
from functions.labels.values import Span
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
