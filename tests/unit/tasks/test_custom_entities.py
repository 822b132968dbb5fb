from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.outcomes import Finished
from functions.core.records import Chunk, JobFacts
from functions.core.results import job_facts
from functions.errors import Warning
from functions.tasks.entities import Entity, EntityChunk, FoundEntities, FoundEntity, locate
from functions.text.chunks import cut
from functions.text.decoding import DecodedText
from functions.text.offsets import CODE_POINT, TEXT_ELEMENT, UTF16, Ruler, length, text_records
from tests.support.material import NOW, any_text, chunk, facts, merge, running_job, work_in
from tests.support.material import job_facts as service_job

TEXT = "😀 Zoe\u0308 Brandt owes Kearney Bank $5,000."


def found(text: str, category: str, offset: int, units: int, score: float = 0.9) -> FoundEntity:
    return FoundEntity(text, category, offset, units, score)


def locate_in(
    text: str, *entities: FoundEntity, unit: str = CODE_POINT, warnings: tuple[Warning, ...] = ()
) -> EntityChunk:
    whole = chunk(end=len(text), own_end=len(text))
    return locate(whole, text, FoundEntities(entities, warnings=warnings), unit, service_job())


# --- one chunk: places in three units, each checked against the text ---


@pytest.mark.parametrize(
    ("unit", "borrower", "lender"),
    [(CODE_POINT, (2, 11), (19, 12)), (UTF16, (3, 11), (20, 12)), (TEXT_ELEMENT, (2, 10), (18, 12))],
)
def test_entities_have_utf16_offsets_too(unit: str, borrower: tuple[int, int], lender: tuple[int, int]) -> None:
    result = locate_in(
        TEXT,
        found("Zoe\u0308 Brandt", "Borrower", *borrower),
        found("Kearney Bank", "Lender", *lender, score=0.25),
        unit=unit,
    )
    assert result == EntityChunk(
        index=0,
        entities=(
            Entity(
                text="Zoe\u0308 Brandt",
                category="Borrower",
                offset=borrower[0],
                length=borrower[1],
                utf16_offset=3,
                utf16_length=11,
                confidence_score=0.9,
            ),
            Entity(
                text="Kearney Bank",
                category="Lender",
                offset=lender[0],
                length=lender[1],
                utf16_offset=20,
                utf16_length=12,
                confidence_score=0.25,
            ),
        ),
        warnings=(),
        text_records=1,
        job=service_job(),
        characters=len(TEXT),
    )


@given(any_text.filter(bool), st.data())
def test_matching_entity_has_no_warning(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    for unit in (CODE_POINT, UTF16):
        ruler = Ruler(text, unit)
        entity = found(text[start:end], "C", ruler.to_unit(start), ruler.to_unit(end) - ruler.to_unit(start))
        result = locate_in(text, entity, unit=unit)
        (located,) = result.entities
        assert result.warnings == ()
        assert located.utf16_offset is not None and located.utf16_length is not None
        utf16 = text.encode("utf-16-le")
        place = slice(2 * located.utf16_offset, 2 * (located.utf16_offset + located.utf16_length))
        assert utf16[place].decode("utf-16-le") == text[start:end]


@pytest.mark.parametrize(
    ("offset", "units"),
    [(1, 3), (0, 3), (0, 400), (39, 4), (40, 1), (4_000, 4), (-1, 4)],
    ids=["one later", "too short", "too long", "over the end", "at the end", "far behind", "negative"],
)
def test_mismatched_entity_is_kept_with_warning(offset: int, units: int) -> None:
    """As it was sent."""
    result = locate_in("Anna owes Kearney Bank five thousand euros", found("Anna", "Borrower", offset, units))
    assert result.entities == (
        Entity(
            text="Anna",
            category="Borrower",
            offset=offset,
            length=units,
            utf16_offset=None,
            utf16_length=None,
            confidence_score=0.9,
        ),
    )
    assert result.warnings == (
        Warning(
            code="OffsetMismatch",
            message=f"The entity of category 'Borrower' at offset {offset} (UnicodeCodePoint, length {units}) is not "
            "the text found there. It is given as the service sent it.",
        ),
    )


def test_offset_inside_surrogate_pair_is_mismatch() -> None:
    result = locate_in("a😀b", found("😀", "Mood", 2, 1), unit=UTF16)
    assert [entity.utf16_offset for entity in result.entities] == [None]
    assert [warning.code for warning in result.warnings] == ["OffsetMismatch"]


def test_no_entity_text_stands_in_warning() -> None:
    result = locate_in("nothing here", found("Jennifer Wilkins", "Borrower", 3, 5))
    assert "Wilkins" not in repr(result.warnings)


def test_the_services_own_warnings_are_passed_on() -> None:
    warning = Warning(code="ServiceWarning", message="The text was hard to read.")
    result = locate_in("Anna", found("Anna", "Borrower", 0, 4), warnings=(warning,))
    assert [entity.text for entity in result.entities] == ["Anna"]
    assert result.warnings == (warning,)


def test_subcategory_is_kept() -> None:
    entity = replace(found("Anna", "Borrower", 0, 4), subcategory="Person")
    assert locate_in("Anna", entity).entities[0].subcategory == "Person"


# --- several chunks: who owns what ---

LONG = "0123456789abcdefghijKLMNOPQRST"
"""Thirty characters, owned ten by ten, each chunk with five of lead-in and five of run-out."""


def third(index: int) -> tuple[Chunk, str]:
    own_start, own_end = 10 * index, 10 * index + 10
    start, end = max(0, own_start - 5), min(30, own_end + 5)
    part = chunk(
        start=start,
        end=end,
        own_start=own_start,
        own_end=own_end,
        index=index,
        count=3,
        unit_start=start,
        utf16_start=start,
    )
    return part, LONG[start:end]


def owners(start: int, end: int) -> list[int]:
    """Return which of the three chunks take an entity that each of them that sees its start has found."""
    taken = []
    for index in range(3):
        part, text = third(index)
        if part.start <= start < part.end:
            entity = found(LONG[start:end], "C", start - part.start, end - start)
            result = locate(part, text, FoundEntities((entity,)), CODE_POINT, service_job())
            taken += [index for located in result.entities if located.offset == start]
    return taken


@pytest.mark.parametrize("start", range(30))
def test_entity_belongs_to_one_chunk(start: int) -> None:
    """The one that owns its start."""
    assert owners(start, min(30, start + 4)) == [start // 10]


def test_entity_across_boundary_is_whole() -> None:
    part, text = third(0)
    result = locate(part, text, FoundEntities((found("89abc", "C", 8, 5),)), CODE_POINT, service_job())
    assert [(entity.text, entity.offset) for entity in result.entities] == [("89abc", 8)]
    assert result.warnings == ()


@pytest.mark.parametrize("offset", [-3, 20, 21, 500])
def test_entity_outside_chunk_is_reported(offset: int) -> None:
    part, text = third(1)
    result = locate(part, text, FoundEntities((found("zzz", "C", offset, 3),)), CODE_POINT, service_job())
    assert [entity.text for entity in result.entities] == ["zzz"]
    assert [warning.code for warning in result.warnings] == ["OffsetMismatch"]


def test_overlap_mismatch_is_left_to_owner() -> None:
    part, text = third(1)
    result = locate(part, text, FoundEntities((found("zzz", "C", 2, 3),)), CODE_POINT, service_job())
    assert (result.entities, result.warnings) == ((), ())


SCRIPTS = [
    "Zoe\u0308 owes. ",
    "👩🏽\u200d👧🏾 pays! ",
    "日本語。",
    "Привет, мир\r\n\r\n",
    "words\n",
    "\u0301\u0302 odd",
]
long_texts = (
    st.lists(st.one_of(st.sampled_from(SCRIPTS), any_text), min_size=1, max_size=40)
    .map("".join)
    .filter(bool)
    .map(lambda sample: (sample * 2_500)[:2_500])
)


@settings(max_examples=30)
@given(long_texts, st.sampled_from([CODE_POINT, UTF16, TEXT_ELEMENT]), st.integers(1_700, 2_400), st.integers(1, 9))
def test_chunk_offsets_match_whole_text(text: str, unit: str, limit: int, size: int) -> None:
    """Entities stand at every seventh character; what the chunks say of them is what the unsplit text says."""

    def answer(start: int, end: int) -> FoundEntities:
        part = text[start:end]
        ruler = Ruler(part, unit)
        inside = [(n - start, n - start + size) for n in range(0, len(text), 7) if start <= n <= end - size]
        return FoundEntities(
            tuple(found(part[a:b], "C", ruler.to_unit(a), ruler.to_unit(b) - ruler.to_unit(a)) for a, b in inside)
        )

    whole = locate(chunk(end=len(text), own_end=len(text)), text, answer(0, len(text)), unit, service_job())
    parts = [
        locate(ready.chunk, ready.text, answer(ready.chunk.start, ready.chunk.end), unit, service_job())
        for ready in cut(facts(), text.encode(), DecodedText(text, "utf-8"), work_in(unit), limit)
    ]
    assert len(parts) > 1
    assert merge(parts)[0] == merge([whole])[0]


# --- merging ---


def result_of(index: int, *offsets: int, job: JobFacts | None = None, warning: str = "") -> EntityChunk:
    entities = tuple(
        Entity(text="x", category="C", offset=o, length=1, utf16_offset=o, utf16_length=1, confidence_score=0.5)
        for o in offsets
    )
    warnings = (Warning(code="W", message=warning),) if warning else ()
    return EntityChunk(
        index=index, entities=entities, warnings=warnings, text_records=index + 1, job=job or service_job()
    )


def test_merged_result_is_sorted() -> None:
    other = service_job(operation_id="other")
    chunks = [result_of(2, 25, 21), result_of(0, 4, 1, job=other, warning="first"), result_of(1, 12, warning="second")]
    entities, warnings, jobs, records = merge(chunks)
    assert [entity.offset for entity in entities] == [1, 4, 12, 21, 25]
    assert [warning.message for warning in warnings] == ["first", "second"]
    assert jobs == (other, service_job())
    assert records == 6


def test_equal_offsets_sort_by_length() -> None:
    base = result_of(0, 3).entities[0]
    listed = [("b", 2), ("b", 1), ("a", 2)]
    entities = tuple(msgspec.structs.replace(base, category=category, length=units) for category, units in listed)
    merged, _, _, _ = merge([msgspec.structs.replace(result_of(0), entities=entities)])
    assert [(entity.category, entity.length) for entity in merged] == [("b", 1), ("a", 2), ("b", 2)]


def test_shared_job_is_named_once() -> None:
    assert merge([result_of(0), result_of(1)])[2] == (service_job(),)


# --- billing and job facts ---


@pytest.mark.parametrize(
    ("characters", "records"), [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (2_000, 2), (125_000, 125)]
)
def test_text_records_round_up(characters: int, records: int) -> None:
    assert text_records("a" * characters) == records


def test_text_records_count_text_elements() -> None:
    assert text_records("e\u0301" * 1_000) == 1
    assert length("e\u0301" * 1_000, UTF16) == 2_000


def test_final_poll_counts() -> None:
    job = running_job(polls=2)
    answer = Finished("3fa8", "succeeded", completed=NOW + timedelta(seconds=1))
    assert job_facts(job, answer) == JobFacts(
        operation_id="3fa8",
        submitted_date_time=job.submitted,
        completed_date_time=NOW + timedelta(seconds=1),
        polls=3,
    )
