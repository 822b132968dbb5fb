"""A long document that was split, found in chunks and merged has the entities that the unsplit text has.

The reference is the stand-in's model, asked for the whole text at once, past every limit on a request's size.
"""

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from functions.core.outcomes import Accepted, Finished
from functions.core.packing import pack
from functions.core.records import Chunk, DocumentFacts, JobFacts
from functions.errors import Warning
from functions.tasks.entities import Entity, EntityChunk, FoundEntities, FoundEntity, locate
from functions.text.chunks import ReadyChunk, cut
from functions.text.decoding import DecodedText, decode
from functions.text.offsets import CODE_POINT, TEXT_ELEMENT, UTF16, Ruler
from functions.text.splitting import LEAD_IN, MAX_REQUEST_CHARACTERS, RUN_OUT
from local.language_service import segments
from local.stack import SAMPLES
from tests.support.language import JOB_S, Stage, loans
from tests.support.material import merge, work_in

UNITS = (CODE_POINT, UTF16, TEXT_ELEMENT)
FACTS = DocumentFacts(
    name="a.txt", etag='"0x1"', last_modified=datetime(2026, 11, 23, tzinfo=UTC), size_bytes=1, language="en"
)
JOB = JobFacts(operation_id="j", submitted_date_time=None, completed_date_time=None, polls=1)

LETTERS = [file.read_text("utf-8") for file in sorted((SAMPLES / "labelled").glob("*.txt"))]
FILLERS = [
    "Το δάνειο υπογράφηκε από τον κ. Παπαδόπουλο στις 3 Μαΐου 2021. Η Τράπεζα Αιγαίου χορήγησε €12.000,00. ",
    "Заёмщик Иван Петров получил кредит в размере $5,000.00 у Kearney Bank 3 May 2021. ",
    "借款人李伟于二零二一年五月三日从银行借款五千元，每月偿还，年利率为百分之二。",
    "차용인 김철수는 2021년 5월 3일에 은행에서 $3,000.00 을 빌렸다. ",
    "👩🏽\u200d👩🏾\u200d👧🏿 owes $2,500.00 😀😀 to Grace Lee 🏴! ",
    "Zoe\u0308 Cafe\u0301 owes Bank of Lynn & Co. £4\u0301,000.00 since 5 June 2019. ",
    "ก็เป็นที่น่าสนใจ Loan no. 4711-22 ",
    "a\u0301\u0302\u0303\u0304",
    "the borrower and the lender and ",
    "Smith Jones Miller Brown Wilson Taylor ",
    "x",
    "7",
    "A1-",
    "\u200d",
    "\u0301",
]
GAPS = ["", " ", "\n", "\r\n", "\n\n", "\r\n\r\n", "\r", "\t", " " * 40, "\u2028", "\u3000", ". ", "; ", "\n \u0301"]


def shuffled(text: str, seed: int) -> str:
    """Return the words of a text in another order: sentences that never end where one expects."""
    words = re.findall(r"\S+\s*", text)
    random.Random(seed).shuffle(words)
    return "".join(words)


ODD = "".join(map(chr, [0x85, 0xA0, 0x2028, 0x3000, 0x200D, 0x301, 0xFE0F, 0x1F600, 0x10437, 0x4E2D, 0xE32, 0x1112]))


def composed(seed: int) -> str:
    """Return up to 12,000 characters of letters, fillers and noise, with all sorts of gaps between and inside them."""
    rng, parts = random.Random(seed), [""]
    while sum(map(len, parts)) < 12_000 and rng.random() < 0.98:
        kind = rng.random()
        if kind < 0.5:
            letter = rng.choice(LETTERS)
            letter = shuffled(letter, seed) if rng.random() < 0.5 else letter
            parts.append(letter.replace("\n", rng.choice(["\n", "\r\n", " ", "\r", ""])))
        elif kind < 0.9:
            parts.append(rng.choice(FILLERS) * rng.choice([1, 3, 30, 300]))
        else:
            parts.append("".join(rng.choice(ODD + "ab .") for _ in range(rng.randrange(200))))
        parts.append(rng.choice(GAPS))
    return "".join(parts)[:12_000]


smallest = LEAD_IN + RUN_OUT + 4


def found_in(text: str, unit: str) -> FoundEntities:
    """Return what the model finds in a text, as the service would say it in `unit`."""
    ruler = Ruler(text, unit)
    return FoundEntities(
        tuple(
            FoundEntity(
                one.text,
                one.category,
                ruler.to_unit(one.offset),
                ruler.to_unit(one.offset + one.length) - ruler.to_unit(one.offset),
                one.confidence,
            )
            for one in loans().entities(text)
        )
    )


def unsplit(text: str, unit: str) -> tuple[tuple[Entity, ...], tuple[Warning, ...]]:
    whole = Chunk(
        document="a.txt", etag='"0x1"', start=0, end=len(text), own_start=0, own_end=len(text), encoding="utf-8"
    )
    return merge([locate(whole, text, found_in(text, unit), unit, JOB)])[:2]


def by_place(warnings: Sequence[Warning]) -> list[str]:
    return sorted(warning.message for warning in warnings)


def test_chunk_overlap_covers_models_reach() -> None:
    """What the equality below rests on; the service itself promises nothing, so the app leaves more room than this."""
    assert segments.REACH < LEAD_IN
    assert segments.LONGEST_NAMES + segments.REACH < RUN_OUT


@pytest.mark.long
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.sampled_from(UNITS), st.integers(smallest + 150, 4_000))
def test_chunks_give_same_entities(seed: int, unit: str, limit: int) -> None:
    """Entity for entity what the unsplit text gives."""
    text = composed(seed)
    chunks = cut(FACTS, text.encode(), DecodedText(text, "utf-8"), work_in(unit), limit)
    merged = merge([locate(one.chunk, one.text, found_in(one.text, unit), unit, JOB) for one in chunks])
    entities, warnings = unsplit(text, unit)
    event(f"{min(len(chunks), 5)} chunks (5: or more), {'some' if entities else 'no'} entities")
    assert merged[0] == entities
    assert by_place(merged[1]) == by_place(warnings)


def travel(stage: Stage, chunks: list[ReadyChunk], unit: str) -> list[EntityChunk]:
    """Send chunks through the service, as many requests as they take, and return what came of them."""
    results = []
    for load in pack(chunks):
        accepted = stage.client.submit("long", [ready.text for ready in load])
        assert isinstance(accepted, Accepted), accepted
        stage.clock.advance(JOB_S)
        answer = stage.client.progress(accepted.operation_url)
        assert isinstance(answer, Finished)
        for number, ready in enumerate(load):
            found = answer.chunks[str(number)]["entities"]
            assert isinstance(found, FoundEntities)
            results.append(locate(ready.chunk, ready.text, found, unit, JOB))
    return results


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_document_of_several_requests_is_intact(ends: str) -> None:
    """In each unit; in one test, because the model remembers what it has found in a text."""
    text = "\n\n".join(
        letter + filler * 20 for letter, filler in zip(LETTERS * 6, (FILLERS * 40)[: len(LETTERS) * 6], strict=True)
    ).replace("\n", ends)
    data = b"\xff\xfe" + text.encode("utf-16-le")
    for unit in UNITS:
        chunks = cut(FACTS, data, decode(data), work_in(unit))
        assert len(text) > 2 * MAX_REQUEST_CHARACTERS and len(chunks) > 2
        # Each chunk is read anew from its own bytes, as `advance` does it.
        for one in chunks:
            assert data[one.chunk.byte_start : one.chunk.byte_end].decode("utf-16-le") == one.text
        entities, warnings = unsplit(text, unit)
        assert len(entities) > 2_000
        merged = merge(travel(Stage({"STRING_INDEX_TYPE": unit}), chunks, unit))
        assert merged[0] == entities, unit
        assert by_place(merged[1]) == by_place(warnings), unit


@pytest.mark.parametrize("unit", UNITS)
def test_many_small_chunks_share_requests_and_pages(unit: str) -> None:
    """More than twenty chunks in a request, so their results stand on two pages."""
    text = "".join(shuffled(letter, 1) for letter in LETTERS)[:12_000]
    chunks = cut(FACTS, text.encode(), DecodedText(text, "utf-8"), work_in(unit), smallest + 400)
    assert len(pack(chunks)[0]) == 25
    assert merge(travel(Stage({"STRING_INDEX_TYPE": unit}), chunks, unit))[0] == unsplit(text, unit)[0]
