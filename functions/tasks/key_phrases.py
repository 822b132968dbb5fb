"""Key phrases: what a text is about, in its own words. Those of several chunks are united, each phrase once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import problems
from ..core.records import Chunk, JobFacts
from ..errors import Problem
from .task import (
    ChunkResult,
    Found,
    Output,
    Places,
    PrebuiltTask,
    ResultFacts,
    ResultFile,
    expect,
    in_order,
    of_chunk,
    of_result,
)


@dataclass(frozen=True, slots=True)
class FoundPhrases(Found):
    """The phrases that the service found in one chunk."""

    phrases: tuple[str, ...]


class PhrasesChunk(ChunkResult, frozen=True, kw_only=True):
    """The phrases of one chunk."""

    phrases: tuple[str, ...]


class KeyPhrasesResult(ResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.keyphrases.json`: the key phrases of a document, each once, in the order of the service's answers."""

    key_phrases: tuple[str, ...]

    @property
    def found_count(self) -> int:
        """How many key phrases it has."""
        return len(self.key_phrases)


class KeyPhraseExtraction(PrebuiltTask, frozen=True, kw_only=True, tag="KeyPhraseExtraction"):
    """Finds the key phrases of a text."""

    default_name: ClassVar[str] = "keyphrases"
    file_suffixes: ClassVar[tuple[str, ...]] = (".keyphrases.json",)
    has_offsets: ClassVar[bool] = False
    chunk_type: ClassVar[type[ChunkResult]] = PhrasesChunk
    result_type: ClassVar[type[KeyPhrasesResult]] = KeyPhrasesResult

    def parse(self, entry: Mapping[str, Any], common: Found) -> FoundPhrases | Problem:
        """Return what a document's entry of a reply says; a phrase that is no text is left out."""
        listed = entry.get("keyPhrases")
        if not isinstance(listed, list):
            return problems.UNREADABLE_ANSWER.problem(detail="it has no list of key phrases")
        phrases = tuple(phrase for phrase in listed if isinstance(phrase, str))
        left_out = len(listed) - len(phrases)
        warnings = (problems.ENTITIES_UNREADABLE.warning(count=left_out, noun="key phrases"),) if left_out else ()
        return FoundPhrases(phrases, **common.common(*warnings))

    def locate(self, chunk: Chunk, text: str, found: Found, unit: str, job: JobFacts, places: Places) -> PhrasesChunk:
        """Return what a chunk contributes."""
        answer = expect(found, FoundPhrases)
        return PhrasesChunk(**of_chunk(chunk, text, answer, job), phrases=answer.phrases)

    def outputs(self, facts: ResultFacts, chunks: Sequence[ChunkResult], text: str | None) -> tuple[Output, ...]:
        """Return the files of a document all of whose chunks have come."""
        parts = in_order(expect(chunk, PhrasesChunk) for chunk in chunks)
        phrases = tuple(dict.fromkeys(phrase for part in parts for phrase in part.phrases))
        result = KeyPhrasesResult(**of_result(facts, parts, is_doubtful=False), key_phrases=phrases)
        return (Output(self.suffix, result),)
