"""Reading labels files: both forms, UTF-16 offsets, and labels that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.language_service.labels import (
    EntityLabel,
    LabelledDocument,
    LabelsFileError,
    ProjectKind,
    load_labels,
)

TEXT = "😀 Ana owes $5 to Max & Co. since May.\r\nAna pays."
#: UTF-16 offsets of TEXT: the emoji is two units.
ANA, AMOUNT, MAX = (3, 3), (12, 2), (18, 9)


def export(documents: list[dict[str, Any]], **assets: Any) -> dict[str, Any]:
    return {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "CustomEntityRecognition", "projectName": "debts", "language": "en-gb"},
        "assets": {"entities": [{"category": "Who"}, {"category": "Sum"}], "documents": documents, **assets},
    }


def document(*labels: tuple[str, int, int], location: str = "a.txt") -> dict[str, Any]:
    listed = [{"category": category, "offset": offset, "length": length} for category, offset, length in labels]
    return {"location": location, "entities": [{"regionOffset": 0, "regionLength": 60, "labels": listed}]}


def load(folder: Path, content: Any) -> Any:
    (folder / "a.txt").write_bytes(TEXT.encode())
    (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    return load_labels(folder / "labels.json", folder)


def test_utf16_offsets_become_code_points(tmp_path: Path) -> None:
    labels = load(tmp_path, export([document(("Who", *ANA), ("Sum", *AMOUNT), ("Who", *MAX))]))
    assert labels.kind is ProjectKind.ENTITIES
    assert (labels.project_name, labels.language, labels.categories) == ("debts", "en-gb", ("Who", "Sum"))
    assert labels.problems == ()
    (read,) = labels.documents
    assert read == LabelledDocument(
        "a.txt", TEXT, (EntityLabel("Who", 2, 3), EntityLabel("Sum", 11, 2), EntityLabel("Who", 17, 9))
    )
    assert [TEXT[one.offset : one.end] for one in read.entities] == ["Ana", "$5", "Max & Co."]


def test_all_regions_and_labels_are_read(tmp_path: Path) -> None:
    split = document(("Who", *ANA), ("Sum", *AMOUNT))
    split["entities"].append(
        {"regionOffset": 16, "regionLength": 20, "labels": document(("Who", *MAX))["entities"][0]["labels"]}
    )
    assert len(load(tmp_path, export([split])).documents[0].entities) == 3


@pytest.mark.parametrize(
    "assets", [{}, {"projectKind": "CustomEntityRecognition"}, {"projectKind": "customEntityRecognition"}]
)
def test_assets_may_name_project_kind(tmp_path: Path, assets: dict[str, Any]) -> None:
    assert load(tmp_path, export([document(("Who", *ANA))], **assets)).kind is ProjectKind.ENTITIES


def test_two_different_project_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsFileError, match="must match the assets' project kind"):
        load(tmp_path, export([document()], projectKind="CustomSingleLabelClassification"))


def test_form_of_2021_is_read(tmp_path: Path) -> None:
    labels = load(
        tmp_path,
        {
            "name": "old",
            "culture": "en-us",
            "entityNames": ["Who", "Sum"],
            "documents": [
                {
                    "location": "a.txt",
                    "culture": "en-us",
                    "entities": [
                        {
                            "regionStart": 0,
                            "regionLength": 60,
                            "labels": [
                                {"entity": 1, "start": AMOUNT[0], "length": AMOUNT[1]},
                                {"entity": 0, "start": ANA[0], "length": ANA[1]},
                                {"entity": 7, "start": 0, "length": 1},
                            ],
                        }
                    ],
                }
            ],
        },
    )
    assert labels.kind is ProjectKind.ENTITIES
    assert labels.project_name == "old"
    assert labels.documents[0].entities == (EntityLabel("Who", 2, 3), EntityLabel("Sum", 11, 2))
    assert [str(one) for one in labels.problems] == [
        "a.txt, offset 0: category 7 is not one of the file's categories; left out."
    ]


def test_unusable_labels_are_reported(tmp_path: Path) -> None:
    """With file and offset; they are left out."""
    labels = load(
        tmp_path,
        export(
            [
                document(
                    ("Who", *ANA),
                    ("Who", 3, 8),  # overlaps the label before it
                    ("Sum", 1, 1),  # starts inside the emoji
                    ("Sum", 50, 90),  # past the end
                    ("Sum", 12, 0),
                    ("Sum", 6, 1),  # white space alone
                    ("Nobody", *MAX),
                ),
                document(location="missing.txt"),
                document(location="../outside.txt"),
            ]
        ),
    )
    assert labels.documents == (LabelledDocument("a.txt", TEXT, (EntityLabel("Who", 2, 8),)),)
    assert {(one.location, one.offset) for one in labels.problems} == {
        ("a.txt", 3),
        ("a.txt", 1),
        ("a.txt", 50),
        ("a.txt", 12),
        ("a.txt", 6),
        ("a.txt", 18),
        ("missing.txt", None),
        ("../outside.txt", None),
    }


def test_labels_are_trimmed_and_deduplicated(tmp_path: Path) -> None:
    labels = load(tmp_path, export([document(("Who", 2, 5), ("Who", *ANA), ("Who", *ANA))]))
    assert labels.documents[0].entities == (EntityLabel("Who", 2, 3),)
    assert labels.problems == ()


def test_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    labels = load(tmp_path, export([document(("Who", *ANA), location="b.txt")]))
    assert labels.documents[0].text == TEXT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "not an object"),
        ("{", "not JSON"),
        ("{}", "no list of 'documents'"),
        ('{"assets": {"documents": []}}', "names no categories"),
        ('{"assets": {"documents": [], "entities": [{"category": "A"}]}}', "None of the 0 documents"),
        ('{"metadata": {"projectKind": "Conversation"}, "assets": {"documents": []}}', "the stand-in learns"),
    ],
)
def test_other_file_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LabelsFileError, match=reason):
        load_labels(path, tmp_path)


def test_missing_labels_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsFileError, match="cannot be read"):
        load_labels(tmp_path / "nowhere.json", tmp_path)


def test_impossible_classes_are_reported(tmp_path: Path) -> None:
    content = {
        "metadata": {"projectKind": "CustomSingleLabelClassification"},
        "assets": {
            "classes": [{"category": "x"}, {"category": "y"}],
            "documents": [
                {"location": "a.txt", "class": {"category": "x"}},
                {"location": "a.txt", "class": {"category": "z"}},
                {"location": "a.txt", "classes": [{"category": "x"}, {"category": "y"}]},
            ],
        },
    }
    labels = load(tmp_path, content)
    assert labels.kind is ProjectKind.SINGLE_LABEL
    assert [one.classes for one in labels.documents] == [("x",), (), ()]
    assert [one.reason for one in labels.problems] == [
        "class 'z' is not one of the file's classes",
        "a single-label project cannot give a document 2 classes",
    ]
    content["metadata"] = {"projectKind": "CustomMultiLabelClassification"}
    assert load(tmp_path, content).documents[2].classes == ("x", "y")
