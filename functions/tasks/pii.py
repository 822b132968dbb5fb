"""Personally identifiable information: the entities, and the text with them masked.

The service masks the text of a request. A document of several requests is masked here, by the same policy and over all
of its entities at once: what two requests share is then masked alike, and what crosses a cut is masked whole.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import msgspec

from .. import problems
from ..core.names import fitting_name
from ..core.records import Chunk, JobFacts, Record
from ..errors import Problem, Warning
from ..text.offsets import UTF16, Ruler
from .entities import (
    Entity,
    EntityChunk,
    EntityResultFile,
    FoundEntities,
    entity_fields,
    locate,
    parse_entry,
)
from .task import ChunkResult, Found, Output, Places, PrebuiltTask, ResultFacts, ResultFile, expect

REDACTED = ".redacted.txt"


@dataclass(frozen=True, slots=True)
class FoundPii(FoundEntities):
    """The entities that the service found in one chunk, and its text with them masked."""

    redacted_text: str | None = None
    """None where the service was asked not to mask."""


class PiiChunk(EntityChunk, frozen=True, kw_only=True):
    """The entities that one chunk contributes; `redacted_text` only where it is all of its document."""

    redacted_text: str | None = None


class RedactedFacts(Record, frozen=True, kw_only=True):
    """Where the text with masks stands: its blob, and the SHA-256 of its UTF-8."""

    blob: str
    sha256: str


class PiiResult(EntityResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.pii.json`: the personal information in a document, and where that came from."""

    entities: tuple[Entity, ...]
    redacted: RedactedFacts | None
    """The text of the document with all of it masked; null where the task asked not to mask."""


class RedactionPolicy(Record, frozen=True, kw_only=True):
    """How the service masks: `characterMask` with a character, `entityMask`, or `noMask`."""

    policy_kind: str
    redaction_character: str | None = None


class PiiEntityRecognition(PrebuiltTask, frozen=True, kw_only=True, tag="PiiEntityRecognition"):
    """Finds personal information, and masks it in the text."""

    domain: str | None = None
    """`phi` for what is protected in health records; `none` or None for everything."""
    pii_categories: tuple[str, ...] = ()
    """Categories that are returned and masked; empty for the service's default."""
    exclude_pii_categories: tuple[str, ...] = ()
    """Categories that are neither returned nor masked."""
    redaction_policy: RedactionPolicy | None = None

    default_name: ClassVar[str] = "pii"
    file_suffixes: ClassVar[tuple[str, ...]] = (".pii.json", REDACTED)
    parameters_since: ClassVar[Mapping[str, date]] = dict.fromkeys(
        ("excludePiiCategories", "redactionPolicy"), date(2024, 11, 15)
    )
    chunk_type: ClassVar[type[ChunkResult]] = PiiChunk
    result_type: ClassVar[type[PiiResult]] = PiiResult

    @property
    def is_masking(self) -> bool:
        """Whether the text is masked at all."""
        return self.redaction_policy is None or self.redaction_policy.policy_kind != "noMask"

    def text_suffixes(self, result: ResultFile) -> tuple[str, ...]:
        """Return what the names of the texts end with that stand beside a result."""
        return self.suffixes[1:] if isinstance(result, PiiResult) and result.redacted else ()

    def needs_text(self, chunk_count: int) -> bool:
        """Whether the result of a document of so many chunks is made with its text."""
        return self.is_masking and chunk_count > 1

    def parse(self, entry: Mapping[str, Any], common: Found) -> FoundPii | Problem:
        """Return what a document's entry of a reply says."""
        found, redacted = parse_entry(entry, common), entry.get("redactedText")
        if isinstance(found, Problem):
            return found
        if self.is_masking and not isinstance(redacted, str):
            return problems.UNREADABLE_ANSWER.problem(detail="it has no redacted text")
        return FoundPii(found.entities, redacted if self.is_masking else None, **found.common())

    def locate(self, chunk: Chunk, text: str, found: Found, unit: str, job: JobFacts, places: Places) -> PiiChunk:
        """Return what a chunk contributes."""
        answer = expect(found, FoundPii)
        located = locate(chunk, text, answer, unit, job, places)
        redacted = answer.redacted_text if chunk.is_whole else None
        return PiiChunk(**msgspec.structs.asdict(located), redacted_text=redacted)

    def outputs(self, facts: ResultFacts, chunks: Sequence[ChunkResult], text: str | None) -> tuple[Output, ...]:
        """Return the files of a document all of whose chunks have come; `text` is that of a document of several."""
        parts = [expect(chunk, PiiChunk) for chunk in chunks]
        fields = entity_fields(facts, parts)
        redacted, doubts = parts[0].redacted_text, list[Warning]()
        if text is not None and self.is_masking:
            redacted, doubts = self._masked(text, [entity for part in parts for entity in part.entities])
        fields["warnings"] += tuple(doubts)
        fields["review"] |= bool(doubts)
        suffix = self.suffixes[1]
        if redacted is None:
            return (Output(self.suffix, PiiResult(**fields, redacted=None)),)
        blob = fitting_name("", facts.document.name, suffix)
        redacted_facts = RedactedFacts(blob=blob, sha256=hashlib.sha256(redacted.encode()).hexdigest())
        return Output(self.suffix, PiiResult(**fields, redacted=redacted_facts)), Output(suffix, redacted)

    def _masked(self, text: str, entities: Iterable[Entity]) -> tuple[str, list[Warning]]:
        """Return a text with entities masked, and warnings about those that are nowhere in it."""
        ruler = Ruler(text, UTF16)
        spans: list[tuple[int, int, str]] = []
        doubts: list[Warning] = []
        for entity in entities:
            found = list(_spans(text, ruler, entity))
            spans += ((start, end, entity.category) for start, end in found)
            if not found:
                doubts.append(problems.REDACTION_INCOMPLETE.warning(category=entity.category))
        parts, done = list[str](), 0
        for start, end, category in sorted(spans):
            # What overlaps the one before is masked from where that ends; what lies in it is masked already.
            first = max(start, done)
            if end > first:
                parts += (text[done:first], self._mask(category, end - first))
                done = end
        return "".join((*parts, text[done:])), doubts

    def _mask(self, category: str, length: int) -> str:
        policy = self.redaction_policy
        if policy and policy.policy_kind == "entityMask":
            return f"[{category.upper()}]"
        return ((policy.redaction_character if policy else None) or "*") * length


def _spans(text: str, ruler: Ruler, entity: Entity) -> Iterable[tuple[int, int]]:
    """Yield where an entity stands, in code points; one whose place is not known, wherever its text occurs."""
    if entity.utf16_offset is not None and entity.utf16_length is not None:
        start = ruler.to_code_point(entity.utf16_offset)
        end = ruler.to_code_point(entity.utf16_offset + entity.utf16_length)
        if start is not None and end is not None:
            yield start, end
        return
    start = text.find(entity.text) if entity.text else -1
    while start >= 0:
        yield start, start + len(entity.text)
        start = text.find(entity.text, start + len(entity.text))
