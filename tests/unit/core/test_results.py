import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.generate.schemas import FOLDER, PUBLISHED, schema_text
from functions.core.documents import DocumentRecord, DocumentState
from functions.core.names import LONGEST_BLOB_NAME
from functions.core.results import (
    ErrorReport,
    document_outputs,
    entities_name,
    error_name,
    error_report,
    reading_warning,
    result_metadata,
    to_json,
)
from functions.core.work import WorkSpec
from functions.errors import Fault, Problem, Warning
from functions.tasks.custom_entities import EntitiesResult
from functions.tasks.entities import Entity, EntityChunk
from functions.tasks.task import decoded_result
from local.process import ROOT
from tests.support.material import NOW, PREVIEW, after, facts, job_facts, work

RECORDED = ROOT / "tests" / "data" / "results"

RECORD = DocumentRecord(
    document=facts("loans/2019-06.txt", encoding="cp1252"),
    state=DocumentState.PENDING,
    owner="j1",
    claimed_at=NOW,
    updated=NOW,
    warnings=("The document is not UTF-8; it was read as cp1252, which is a guess.",),
)
ENTITY = Entity(
    text="Jennifer Wilkins",
    category="BorrowerName",
    offset=168,
    length=16,
    utf16_offset=168,
    utf16_length=16,
    confidence_score=0.98,
)
MISFIT = msgspec.structs.replace(
    ENTITY, offset=4, subcategory="Person", text="Zoë", utf16_offset=None, utf16_length=None
)
WARNING = Warning(code="OffsetMismatch", message="It does not fit.")
PIECE = EntityChunk(index=0, entities=(ENTITY, MISFIT), warnings=(WARNING,), text_records=2, job=job_facts())
PROBLEM = Problem("TooLarge", "It has 11 bytes; the limit is 10.", "Split it.", fault=Fault.DOCUMENT)
REFUSED = Problem(
    "InvalidDocument",
    "No.",
    "Correct it.",
    {"code": "InvalidArgument", "innererror": {"code": "X"}},
    Fault.DOCUMENT,
)


def document_result(record: DocumentRecord, chunks: list[EntityChunk], spec: WorkSpec, now: datetime) -> EntitiesResult:
    (output,) = document_outputs(record, {"entities": chunks}, spec, None, now)
    assert output.suffix == ".entities.json"
    assert isinstance(output.content, EntitiesResult)
    return output.content


def entities() -> EntitiesResult:
    return document_result(RECORD, [PIECE], work(), after(4))


# --- what is in the files ---


def test_entities_result_format() -> None:
    assert json.loads(to_json(entities())) == {
        "text": {"source": "document", "format": "plain", "extractor": None, "blob": None, "sha256": None, "ocr": None},
        "document": {
            "name": "loans/2019-06.txt",
            "etag": '"0x1"',
            "lastModified": "2026-11-23T09:59:00Z",
            "sizeBytes": 20,
            "encoding": "cp1252",
            "characters": 20,
            "language": "en",
        },
        "model": {"apiVersion": "2023-04-01", "project": "loans", "deployment": "production"},
        "jobs": [
            {
                "jobId": "3fa85f64-5717",
                "submittedDateTime": "2026-11-23T10:00:00Z",
                "completedDateTime": "2026-11-23T10:00:02Z",
                "polls": 1,
            }
        ],
        "textRecords": 2,
        "stringIndexType": "UnicodeCodePoint",
        "entities": [
            {
                "text": "Zoë",
                "category": "BorrowerName",
                "subcategory": "Person",
                "offset": 4,
                "length": 16,
                "utf16Offset": None,
                "utf16Length": None,
                "confidenceScore": 0.98,
            },
            {
                "text": "Jennifer Wilkins",
                "category": "BorrowerName",
                "offset": 168,
                "length": 16,
                "utf16Offset": 168,
                "utf16Length": 16,
                "confidenceScore": 0.98,
            },
        ],
        "warnings": [
            {
                "code": "EncodingGuessed",
                "message": "The document is not UTF-8; it was read as cp1252, which is a guess.",
            },
            {"code": "OffsetMismatch", "message": "It does not fit."},
        ],
        "review": False,
        "completedDateTime": "2026-11-23T10:00:04Z",
    }


def test_error_report_format() -> None:
    unread = facts(encoding=None, characters=None)
    assert json.loads(to_json(error_report(unread, PROBLEM, 1, NOW))) == {
        "document": {
            "name": "a.txt",
            "etag": '"0x1"',
            "lastModified": "2026-11-23T09:59:00Z",
            "sizeBytes": 20,
            "encoding": None,
            "characters": None,
            "language": "en",
        },
        "error": {
            "code": "TooLarge",
            "message": "It has 11 bytes; the limit is 10.",
            "help": "Split it.",
            "fault": "document",
        },
        "attempts": 1,
        "occurredDateTime": "2026-11-23T10:00:00Z",
    }


@pytest.mark.parametrize("fault", Fault)
def test_report_says_whose_fault_it_is(fault: Fault) -> None:
    report = json.loads(to_json(error_report(facts(), replace(PROBLEM, fault=fault), 1, NOW)))
    assert report["error"]["fault"] == fault.value


def test_report_has_service_error() -> None:
    report = json.loads(to_json(error_report(facts(), REFUSED, 2, NOW)))
    assert report["error"]["service"] == {"code": "InvalidArgument", "innererror": {"code": "X"}}
    assert report["attempts"] == 2


def test_preview_names_its_model_id() -> None:
    preview = work(PREVIEW, LANGUAGE_PROJECT="", LANGUAGE_DEPLOYMENT="", LANGUAGE_MODEL_ID="m")
    assert json.loads(to_json(preview.tasks[0].facts(preview.api_version))) == {
        "apiVersion": "v3.1-preview.ct.1",
        "modelId": "m",
    }


def test_result_is_indented_utf8() -> None:
    text = to_json(entities()).decode("utf-8")
    assert text.startswith('{\n  "document": {\n    "name": "loans/2019-06.txt",\n')
    assert "Zoë" in text


def test_result_comes_back_equal() -> None:
    assert msgspec.json.decode(to_json(entities()), type=EntitiesResult) == entities()
    report = error_report(facts(), REFUSED, 2, NOW)
    assert msgspec.json.decode(to_json(report), type=ErrorReport) == report


# --- names ---


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a.txt",
        "deep/er/folder/a.txt",
        "loan #318 100% [x] (y) 'z' \"q\" + & ?.txt",
        "Zoë 日本 😀.txt",
        "..dots...",
        "x" * 1_000,
        "a/" * 500,
        "a.entities.json",
    ],
)
def test_result_is_named_after_document(name: str) -> None:
    assert entities_name(name) == f"{name}.entities.json"
    assert error_name(name) == f"{name}.error.json"


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(("character", "width"), [("x", 1), ("日", 1), ("😀", 2)])
@pytest.mark.parametrize("units", range(1_000, 1_025, 2))
def test_longest_names_leave_suffix_room(character: str, width: int, units: int) -> None:
    name = character * (units // width)
    for result, suffix in ((entities_name(name), ".entities.json"), (error_name(name), ".error.json")):
        assert utf16(result) <= LONGEST_BLOB_NAME
        assert result.endswith(suffix)
        if units + len(suffix) <= LONGEST_BLOB_NAME:
            assert result == name + suffix
        else:
            assert "~" in result and utf16(result) > LONGEST_BLOB_NAME - 2


def test_shortened_names_stay_distinct() -> None:
    names = ["x" * 1_020 + ending for ending in ("aaaa", "aaab", "baaa")]
    results = {name_of(name) for name in names for name_of in (entities_name, error_name)}
    assert len(results) == 6


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024))
def test_every_result_name_can_be_stored(name: str) -> None:
    both = entities_name(name), error_name(name)
    assert both[0] != both[1]
    assert all(utf16(result) <= max(LONGEST_BLOB_NAME, 0) for result in both)


# --- metadata ---


def test_result_metadata_is_ascii() -> None:
    late = facts("Zoë.txt", last_modified=NOW + timedelta(microseconds=5))
    metadata = result_metadata(late, "j1")
    assert metadata == {"source_etag": '"0x1"', "source_last_modified": "2026-11-23T10:00:00+00:00", "job": "j1"}
    assert all(value.isascii() for value in metadata.values())


# --- the published schemas ---


def schema(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text("utf-8"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_schema_matches_classes(name: str) -> None:
    """`python -m docs.generate.schemas` writes the files anew."""
    assert (FOLDER / name).read_text("utf-8") == schema_text(name)


def test_no_other_schema_is_published() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_schema_is_valid(name: str) -> None:
    published = schema(name)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(published)
    for part in (published, *published["$defs"].values()):
        assert part["title"] and part["description"]
        assert "    " not in part["description"]


REAL = [
    ("entities.schema.json", entities()),
    (
        "entities.schema.json",
        document_result(
            msgspec.structs.replace(RECORD, warnings=()),
            [EntityChunk(index=0, entities=(), warnings=(), text_records=1, job=job_facts(completed_date_time=None))],
            work(PREVIEW, STRING_INDEX_TYPE="TextElements_v8"),
            NOW,
        ),
    ),
    ("error.schema.json", error_report(facts(encoding=None, characters=None), PROBLEM, 1, NOW)),
    ("error.schema.json", error_report(facts(), REFUSED, 3, NOW)),
]


@pytest.mark.parametrize(("name", "result"), REAL)
def test_result_has_exactly_schemas_fields(name: str, result: EntitiesResult | ErrorReport) -> None:
    published = schema(name)
    for part in (published, *published["$defs"].values()):
        part["additionalProperties"] = False
    validator = jsonschema.Draft202012Validator(published, format_checker=jsonschema.FormatChecker())
    assert list(validator.iter_errors(json.loads(to_json(result)))) == []


@pytest.mark.parametrize(("name", "result"), REAL)
def test_result_without_required_field_is_invalid(name: str, result: EntitiesResult | ErrorReport) -> None:
    validator = jsonschema.Draft202012Validator(schema(name))
    written = json.loads(to_json(result))
    # `text` is not there in results of earlier versions.
    for field in written.keys() - {"text"}:
        assert not validator.is_valid({key: value for key, value in written.items() if key != field}), field


# --- warnings about the reading, as records keep them ---


@pytest.mark.parametrize("code", ["EncodingGuessed", "EncodingDoubtful", "CharactersReplaced", "WrongContentEncoding"])
def test_warning_of_record_keeps_its_code(code: str) -> None:
    written = str(Warning(code, "The document: it is\ndamaged."))
    assert reading_warning(written) == Warning(code=code, message="The document: it is\ndamaged.")


def test_last_releases_warning_is_guess() -> None:
    stored = "The document is not UTF-8; it was read as cp1252, which is a guess."
    assert reading_warning(stored) == Warning(code="EncodingGuessed", message=stored)


@pytest.mark.parametrize(("code", "is_for_review"), [("EncodingDoubtful", True), ("EncodingGuessed", False)])
def test_doubtful_encoding_sets_review(code: str, is_for_review: bool) -> None:
    record = msgspec.structs.replace(RECORD, warnings=(f"{code}: It may be another.",))
    result = document_result(record, [PIECE], work(), NOW)
    assert result.review is is_for_review


# --- results of the release before, which knew one task ---


@pytest.mark.parametrize("name", ["entities", "error"])
def test_earlier_results_stay_valid(name: str) -> None:
    written = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    jsonschema.validate(written, schema(f"{name}.schema.json"))


def test_earlier_result_is_read_as_it_was() -> None:
    """So that a new version with the same content keeps it."""
    data = (RECORDED / "entities.json").read_bytes()
    assert decoded_result(data, EntitiesResult) == entities()
