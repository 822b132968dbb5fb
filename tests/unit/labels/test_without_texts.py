"""Labels files of Language Studio are read in both forms; what can not be read is counted."""

import json
from typing import Any

import pytest

from functions.core.scoring import Span
from functions.labels.values import LabelsError
from functions.labels.without_texts import LabelledDocument, read_labels
from local.process import ROOT


def file(kind: str, *documents: Any, **more: Any) -> bytes:
    content = {"metadata": {"projectKind": kind}, "assets": {"documents": list(documents)}, **more}
    return json.dumps(content).encode()


def document(*labels: Any, **more: Any) -> dict[str, Any]:
    return {"location": "a.txt", "entities": [{"regionOffset": 0, "regionLength": 9, "labels": list(labels)}], **more}


def test_samples_are_read() -> None:
    labels = read_labels((ROOT / "samples" / "labels.json").read_bytes())
    assert len(labels.documents) >= 10
    assert labels.left_out == 0
    for one in labels.documents:
        text = (ROOT / "samples" / "labelled" / one.location).read_bytes().decode("utf-8-sig").encode("utf-16-le")
        for span in one.spans:
            assert text[2 * span.offset : 2 * span.end].decode("utf-16-le").strip()


def test_entities_and_dataset_are_read() -> None:
    data = file("CustomEntityRecognition", document({"category": "Name", "offset": 1, "length": 2}, dataset="Test"))
    assert read_labels(b"\xef\xbb\xbf" + data).documents == (LabelledDocument("a.txt", (Span("Name", 1, 2),), "Test"),)


def test_form_of_2021_is_read() -> None:
    content = {
        "entityNames": ["Name", "City"],
        "documents": [
            {"location": "a.txt", "entities": [{"regionStart": 0, "labels": [{"entity": 1, "start": 3, "length": 4}]}]}
        ],
    }
    assert read_labels(json.dumps(content).encode()).documents[0].spans == (Span("City", 3, 4),)


@pytest.mark.parametrize(
    "given",
    [{"class": {"category": "loan"}}, {"classes": [{"category": "loan"}]}, {"classes": ["loan"]}],
)
def test_classes_are_read(given: dict[str, Any]) -> None:
    labels = read_labels(file("CustomMultiLabelClassification", {"location": "a.txt", **given}))
    assert labels.is_classification
    assert labels.documents[0].spans == (Span("loan", 0, 0),)


@pytest.mark.parametrize(
    "label",
    [
        {"category": "Name", "offset": -1, "length": 2},
        {"category": "Name", "offset": 1, "length": 0},
        {"category": 5, "offset": 1, "length": 2},
        {"category": "Name", "offset": "1", "length": 2},
        {},
    ],
)
def test_unusable_label_is_counted(label: dict[str, Any]) -> None:
    labels = read_labels(file("CustomEntityRecognition", document(label)))
    assert (labels.left_out, labels.documents[0].spans) == (1, ())


def test_document_without_location_is_counted() -> None:
    data = file("CustomEntityRecognition", {"entities": []}, "text", document())
    assert read_labels(data).left_out == 2


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"assets": []}', b"\xff\xfe{", b'{"assets": {"documents": []}}'])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(LabelsError):
        read_labels(data)
