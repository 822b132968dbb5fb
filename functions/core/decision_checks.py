"""What corrections must be like before they are saved, and who has made each decision."""

from datetime import datetime
from typing import Any

import msgspec

from ..text.offsets import Ruler
from .decisions import Corrections, Decision, Place, ReviewStatus

MOST_DECISIONS = 50_000
MOST_REASON_CHARACTERS = 2_000
MOST_ID_CHARACTERS = 100
MOST_CATEGORY_CHARACTERS = 500


def encoded(corrections: Corrections) -> bytes:
    """Return the content of a corrections file, indented for people."""
    return msgspec.json.format(msgspec.json.encode(corrections), indent=2)


def fault_of(asked: Corrections, name: str, text: str) -> str | None:
    """Return what is wrong with corrections for a document, as the end of a sentence; None where nothing is."""
    if asked.document.name != name:
        return "they name another document"
    if len(asked.decisions) > MOST_DECISIONS:
        return f"there are more than {MOST_DECISIONS:,} decisions"
    if asked.reason is not None and len(asked.reason) > MOST_REASON_CHARACTERS:
        return f"the reason has more than {MOST_REASON_CHARACTERS:,} characters"
    if asked.status in (ReviewStatus.SKIPPED, ReviewStatus.FLAGGED) and not asked.reason:
        return f"a document that is {asked.status.value} needs a reason"
    ruler, ids = Ruler(text, asked.string_index_type), set()
    for number, one in enumerate(asked.decisions):
        if not one.id or len(one.id) > MOST_ID_CHARACTERS or one.id in ids:
            return f"decision {number} needs an id of its own"
        ids.add(one.id)
        for place in filter(None, (one.model_entity, one.entity)):
            if len(place.category) > MOST_CATEGORY_CHARACTERS:
                return f"the category of decision {number} has more than {MOST_CATEGORY_CHARACTERS} characters"
            if not _fits(place, ruler):
                return f"decision {number} is about characters that the text does not have"
    return None


def _fits(place: Place, ruler: Ruler) -> bool:
    start, end = ruler.to_code_point(place.offset), ruler.to_code_point(place.offset + place.length)
    return start is not None and end is not None and start < end


def signed_by(asked: Corrections, present: Corrections | None, by: str, now: datetime) -> Corrections:
    """Return corrections in which each decision says who has made it: those that are there already, who it was then."""
    known: dict[str, Decision] = {one.id: one for one in present.decisions} if present else {}

    def signed(one: Decision) -> Decision:
        was = known.get(one.id)
        if was and _content(was) == _content(one):
            return was
        return msgspec.structs.replace(one, by=by, at=min(one.at, now))

    return msgspec.structs.replace(asked, decisions=tuple(map(signed, asked.decisions)))


def _content(one: Decision) -> Any:
    return one.decision, one.model_entity, one.entity
