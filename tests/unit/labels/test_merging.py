"""Reviewed documents come into the labels of a project, and nothing else of them changes."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.labels.merging import merge, unfit
from functions.labels.values import Document, LabelsError, Span


def exported(*documents: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "CustomEntityRecognition", "language": "de", "multilingual": False, "new": 1},
        "assets": {"entities": [{"category": "Name", "description": "kept"}], "documents": list(documents), "x": [1]},
        **more,
    }


def entry(name: str, dataset: str | None = "Train", *labels: tuple[str, int, int]) -> dict[str, Any]:
    found = [{"category": c, "offset": o, "length": n} for c, o, n in labels or [("Name", 0, 3)]]
    regions = [{"regionOffset": 0, "regionLength": 9, "labels": found, "unknown": True}]
    return {"location": name, "language": "de", "entities": regions, **({"dataset": dataset} if dataset else {})}


def merged(file: dict[str, Any], *reviewed: Document, **options: Any) -> dict[str, Any]:
    content = merge(json.dumps(file).encode(), reviewed, **options).content
    found: dict[str, Any] = json.loads(content)
    return found


TEN = [entry(f"old{n}.txt", "Test" if n == 3 else "Train") for n in range(10)]


def test_everything_else_stays() -> None:
    file = exported(*TEN, other={"kept": True})
    before = copy.deepcopy(file)
    after = merged(file, Document("new.txt", "Ana 😀 owes", (Span(4, 5, "Mood"),), language="en"))
    new = after["assets"]["documents"].pop()
    assert after["assets"].pop("entities") == [*before["assets"].pop("entities"), {"category": "Mood"}]
    assert after == before
    assert new == {
        "location": "new.txt",
        "language": "de",
        "dataset": "Train",
        "entities": [
            {"regionOffset": 0, "regionLength": 11, "labels": [{"category": "Mood", "offset": 4, "length": 2}]}
        ],
    }


def test_reviewed_labels_replace_and_keep_the_set() -> None:
    after = merged(exported(*TEN), Document("old3.txt", "Ana", ()))["assets"]["documents"]
    (found,) = [one for one in after if one["location"] == "old3.txt"]
    assert (found["dataset"], found["entities"][0]["labels"]) == ("Test", [])
    assert len(after) == 10


def test_new_version_takes_the_place_of_the_old() -> None:
    reviewed = Document("new.txt", "Ana", ())
    after = merged(exported(*TEN), reviewed, others={"new.txt": ["old3.txt", "gone.txt"]})["assets"]["documents"]
    assert [one["location"] for one in after if one["dataset"] == "Test"] == ["new.txt"]
    assert len(after) == 10


def sets_of(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {one["location"]: one["dataset"] for one in entries}


VERSIONS = {"new.txt": ("old3.txt", "older.txt"), "old3.txt": ("new.txt", "older.txt"),
            "older.txt": ("new.txt", "old3.txt")}  # fmt: skip


def test_reviewed_versions_share_a_set() -> None:
    """The one that the project has of it already; a version that is not reviewed leaves the labels."""
    newest, old = Document("new.txt", "Ana", ()), Document("old3.txt", "An", ())
    file = exported(*TEN, entry("older.txt", "Train"))
    after = sets_of(merged(file, newest, old, others=VERSIONS)["assets"]["documents"])
    assert (after["new.txt"], after["old3.txt"], "older.txt" in after) == ("Test", "Test", False)


def test_set_of_the_newest_version_holds() -> None:
    """Where they are in two sets, as somebody else may have put them."""
    newest, old = Document("new.txt", "Ana", ()), Document("old3.txt", "An", ())
    file = exported(*TEN, entry("new.txt", "Train"))
    after = sets_of(merged(file, newest, old, others=VERSIONS)["assets"]["documents"])
    assert (after["new.txt"], after["old3.txt"]) == ("Train", "Train")


@given(st.integers(1, 30), st.floats(0.05, 0.5), st.booleans())
def test_versions_are_divided_as_one(number: int, share: float, is_new_project: bool) -> None:
    spans = (Span(0, 3, "Name"),)
    newest = [Document(f"new{n}.txt", "Ana", spans) for n in range(number)]
    older = [Document(f"v{n}.txt", "Ana.", spans) for n in range(number)]
    others = {f"new{n}.txt": (f"v{n}.txt",) for n in range(number)} | {
        f"v{n}.txt": (f"new{n}.txt",) for n in range(number)
    }
    known = [entry(one["location"], None) for one in TEN] if is_new_project else TEN
    after = sets_of(merged(exported(*known), *newest, *older, others=others, share=share)["assets"]["documents"])
    assert all(after[f"new{n}.txt"] == after[f"v{n}.txt"] for n in range(number))
    alone = sets_of(merged(exported(*known), *newest, share=share)["assets"]["documents"])
    assert set(after) == {*alone, *(one.name for one in older)}


def test_without_sets_a_fifth_is_tested() -> None:
    old = [entry(f"old{n}.txt", None) for n in range(50)]
    after = merged(exported(*old), Document("new.txt", "Ana", ()))["assets"]["documents"]
    tested = sum(one["dataset"] == "Test" for one in after)
    assert 5 <= tested <= 16


def test_share_of_new_documents_is_tested() -> None:
    reviewed = [Document(f"new{n}.txt", "Ana", ()) for n in range(40)]
    after = merged(exported(*TEN), *reviewed, share=0.5)["assets"]["documents"]
    assert 10 <= sum(one["dataset"] == "Test" for one in after if one["location"].startswith("new")) <= 30
    assert [one["dataset"] for one in after[:10]] == [one["dataset"] for one in TEN]


@given(st.lists(st.sampled_from(["old1.txt", "old3.txt", "a.txt", "b.txt"]), unique=True), st.data())
def test_merging_twice_changes_nothing(names: list[str], data: st.DataObject) -> None:
    reviewed = []
    for name in names:
        text = data.draw(st.text(min_size=1, max_size=12))
        end = data.draw(st.integers(1, len(text)))
        reviewed.append(Document(name, text, (Span(0, end, data.draw(st.text(min_size=1, max_size=5))),)))
    once = merged(exported(*TEN), *reviewed)
    assert merged(once, *reviewed) == once


@pytest.mark.parametrize(
    "broken",
    [
        b"{}",
        b"[]",
        b"{",
        b'{"assets": []}',
        b'{"assets": {"documents": {"a": 1}}}',
        b'{"assets": {"documents": [1]}}',
        b'{"assets": {"documents": [{"location": 5}]}}',
        b'{"assets": {"documents": [], "entities": "Name"}}',
        b'{"assets": {"documents": []}, "metadata": 1}',
    ],
)
def test_labels_of_another_type_are_not_imported(broken: bytes) -> None:
    with pytest.raises(LabelsError):
        merge(broken, [Document("a.txt", "Ana", (Span(0, 3, "Name"),))])


def test_limits_of_the_service_are_told() -> None:
    with pytest.raises(LabelsError, match="9 labelled documents"):
        merge(json.dumps(exported(*TEN[:8])).encode(), [Document("a.txt", "Ana", ())])
    with pytest.raises(LabelsError, match="nothing to learn"):
        merge(json.dumps(exported(*[entry(f"{n}.txt", "Test") for n in range(10)])).encode(), [])
    many = tuple(Span(0, 1, f"c{n}") for n in range(200))
    with pytest.raises(LabelsError, match="the limit is 200"):
        merge(json.dumps(exported(*TEN)).encode(), [Document("a.txt", "Ana", many)])


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (Document("a.txt", "Ana", (Span(0, 3, "Name"),)), ""),
        (Document("a.txt", " \n"), "it has no text"),
        (Document("a.txt", "a" * 128_000), ""),
        (Document("a.txt", "a" * 128_001), "it has 128,001 characters; the limit is 128,000"),
        (Document("a.txt", "a" * 600, (Span(0, 500, "Name"),)), ""),
        (Document("a.txt", "a" * 600, (Span(0, 501, "Name"),)), "it has a label of 501 characters; the limit is 500"),
    ],
)
def test_unfit_documents_are_told(document: Document, reason: str) -> None:
    assert unfit(document) == reason
