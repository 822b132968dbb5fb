"""`<name>.corrections.json`: what a person decided of each entity that the model found in a document.

The model's answer is never changed; what holds now follows from it and the decisions. The file's JSON Schema is
published in `docs/schemas/`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec

from ..errors import RecordError
from ..text.offsets import Ruler
from ..typed_data import from_json
from .names import fitting_name
from .records import Moment, Record
from .scoring import Span

CORRECTIONS_SUFFIX: Final = ".corrections.json"

ANSWER_SHA256: Final = "answer_sha256"
"""In the metadata of a reviewed document's corrections: the digest of the model's answer that was kept with them."""

# What every reader of JSON can hold exactly (RFC 8259, section 6).
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Length = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Category = Annotated[str, msgspec.Meta(min_length=1)]


class Verdict(StrEnum):
    """What was decided of an entity."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CHANGED = "changed"
    """Another category, or other characters."""
    ADDED = "added"
    """The model has not found it."""


class ReviewStatus(StrEnum):
    """How far the review of a document has come."""

    OPEN = "open"
    REVIEWED = "reviewed"
    """Somebody has looked at all of it: what was not decided stands as the model found it."""
    SKIPPED = "skipped"
    FLAGGED = "flagged"


class CorrectedDocument(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Which version of which document was reviewed."""

    name: str
    etag: str


class CorrectedText(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Which text the offsets count in, by the SHA-256 of its UTF-8."""

    sha256: str | None = None


class Place(Record, frozen=True, kw_only=True, omit_defaults=False):
    """An entity; offset and length are in the file's string index type."""

    category: Category
    offset: Offset
    length: Length


class ModelPlace(Place, frozen=True, kw_only=True, omit_defaults=False):
    """An entity that the model has found."""

    confidence: float | None = None


class Decision(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What was decided of one entity, by whom and when."""

    id: str
    at: Moment
    by: str
    """A name, or `key` where only a key is asked for."""
    decision: Verdict
    model_entity: ModelPlace | None = None
    """None for one that was added."""
    entity: Place | None = None
    """What holds now; None for one that was rejected."""


class Corrections(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The decisions about a document."""

    version: Literal[1] = 1
    document: CorrectedDocument
    text: CorrectedText = CorrectedText()
    string_index_type: Literal["UnicodeCodePoint", "Utf16CodeUnit", "TextElements_v8"] = "UnicodeCodePoint"
    model: dict[str, Any] = {}
    """The `model` part of the result that was reviewed."""
    decisions: tuple[Decision, ...] = ()
    status: ReviewStatus = ReviewStatus.OPEN
    reason: str | None = None
    """Why it was skipped or flagged."""

    @property
    def corrected(self) -> int:
        """How many entities were rejected, changed or added."""
        return sum(one.decision is not Verdict.ACCEPTED for one in self.decisions)


def corrections_name(document: str) -> str:
    """Return the name of the blob with the corrections of `document`."""
    return fitting_name("", document, CORRECTIONS_SUFFIX)


def decode_corrections(data: bytes) -> Corrections:
    """Return the corrections in a file. Raises `RecordError`, which says what is wrong."""
    try:
        found = from_json(data, Corrections)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"This is no corrections file: {error}.") from None
    for number, one in enumerate(found.decisions):
        wrong = _wrong(one)
        if wrong:
            raise RecordError(f"Decision {number} ('{one.decision}') {wrong}.")
    return found


def _wrong(one: Decision) -> str:
    if one.decision is Verdict.ADDED:
        if one.model_entity or not one.entity:
            return "needs an 'entity', and has no 'modelEntity'"
    elif not one.model_entity:
        return "needs a 'modelEntity'"
    elif one.decision is Verdict.CHANGED and not one.entity:
        return "needs an 'entity'"
    elif one.decision is Verdict.REJECTED and one.entity:
        return "has no 'entity'"
    return ""


class Standing(Record, frozen=True, kw_only=True):
    """What is labelled in a document after its review, in code points of its text, in the order of the text."""

    spans: tuple[Span, ...]
    undecided: int
    """Of them, those that nobody decided by itself."""
    misfits: int
    """Decisions whose places do not fit the text; they are not among the labels."""


def standing(corrections: Corrections, found: Iterable[Span], unit: str, text: str) -> Standing:
    """Return what holds after the decisions; `found` is the model's answer, with offsets in `unit`."""
    decided = _Ruler(text, corrections.string_index_type)
    model = _Ruler(text, unit)
    spans: list[Span] = []
    by_model: set[Span] = set()
    misfits = 0
    for one in corrections.decisions:
        answer = decided.span(one.model_entity) if one.model_entity else None
        if answer:
            by_model.add(answer)
        if one.decision is Verdict.REJECTED:
            continue
        held = one.entity or one.model_entity
        span = decided.span(held) if held else None
        if span:
            spans.append(span)
        else:
            misfits += 1
    open_ones = [span for span in map(model.of, found) if span and span not in by_model]
    undecided = set(open_ones) - set(spans)
    in_order = sorted({*spans, *open_ones}, key=lambda span: (span.offset, span.length, span.category))
    return Standing(spans=tuple(in_order), undecided=len(undecided), misfits=misfits)


class _Ruler:
    """Turns places of one unit into code points."""

    def __init__(self, text: str, unit: str) -> None:
        self._ruler = Ruler(text, unit)

    def span(self, place: Place) -> Span | None:
        return self.of(Span(place.category, place.offset, place.length))

    def of(self, span: Span) -> Span | None:
        start, end = self._ruler.to_code_point(span.offset), self._ruler.to_code_point(span.end)
        if start is None or end is None or start >= end:
            return None
        return Span(span.category, start, end - start)
