"""The sample documents say what their labels say they say."""

import codecs
import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from functions.text.formats.extraction import Limits
from functions.text.formats.extractors import extract
from local.process import ROOT
from tests.data.make_files import COVER, SIGNED

SAMPLES = ROOT / "samples"
LABELS = json.loads((SAMPLES / "labels.json").read_text("utf-8"))
EXPECTED = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
LABELLED = LABELS["assets"]["documents"]
CATEGORIES = {entity["category"] for entity in LABELS["assets"]["entities"]}
SCANS = {"files/signed-trevanion.pdf": COVER + SIGNED}
DROPPED = sorted(path for path in (SAMPLES / "drop").rglob("*") if path.is_file())


def dropped(name: str) -> bytes:
    return (SAMPLES / "drop" / name).read_bytes()


def utf16_slice(text: str, offset: int, length: int) -> str:
    """The text at an offset and length in UTF-16 code units."""
    return text.encode("utf-16-le")[2 * offset : 2 * (offset + length)].decode("utf-16-le")


def labels_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [label for region in document["entities"] for label in region["labels"]]


def test_labels_file_follows_export_format() -> None:
    assert LABELS["projectFileVersion"] == "2022-05-01"
    assert LABELS["stringIndexType"] == "Utf16CodeUnit"
    assert LABELS["metadata"]["projectName"] == "loans"
    assert LABELS["metadata"]["projectKind"] == LABELS["assets"]["projectKind"] == "CustomEntityRecognition"


def test_labelled_documents_are_listed_once() -> None:
    listed = Counter(document["location"] for document in LABELLED)
    assert listed == Counter(path.name for path in (SAMPLES / "labelled").iterdir())
    assert len(listed) >= 24
    assert {document["dataset"] for document in LABELLED} == {"Train", "Test"}


@pytest.mark.parametrize("document", LABELLED, ids=lambda document: document["location"])
def test_every_label_is_within_one_line(document: dict[str, Any]) -> None:
    text = (SAMPLES / "labelled" / document["location"]).read_bytes().decode("utf-8")
    (region,) = document["entities"]
    assert (region["regionOffset"], region["regionLength"]) == (0, len(text.encode("utf-16-le")) // 2)
    for label in region["labels"]:
        labelled = utf16_slice(text, label["offset"], label["length"])
        assert labelled == labelled.strip() != ""
        assert "\n" not in labelled
        assert label["category"] in CATEGORIES
    in_order = sorted(region["labels"], key=lambda label: label["offset"])
    assert all(one["offset"] + one["length"] <= other["offset"] for one, other in pairwise(in_order))


def test_emoji_counts_two_utf16_units() -> None:
    """One labelled document would be cut wrongly by a reader that counts code points."""
    document = next(one for one in LABELLED if one["location"] == "20-student-loan-email.txt")
    text = (SAMPLES / "labelled" / document["location"]).read_text("utf-8")
    last = labels_of(document)[-1]
    assert utf16_slice(text, last["offset"], last["length"]) == "Room 14, Fellows Hall, Norwick NW2 2UU"
    assert text[last["offset"] : last["offset"] + last["length"]] != "Room 14, Fellows Hall, Norwick NW2 2UU"


def test_every_category_has_enough_labels() -> None:
    counts = Counter(label["category"] for document in LABELLED for label in labels_of(document))
    assert set(counts) == CATEGORIES
    assert min(counts.values()) >= 40


def test_expected_entities_occur_in_order() -> None:
    """They are given for every document to drop."""
    assert sorted(EXPECTED) == [path.relative_to(SAMPLES / "drop").as_posix() for path in DROPPED]
    encodings = {
        "agreement-ferry.txt": "utf-16",
        "termsheet-gallery.txt": "utf-8-sig",
        "offre-boulangerie.txt": "cp1252",
    }
    for name, entities in EXPECTED.items():
        data = dropped(name)
        is_file = name.startswith("files/")
        if name in SCANS:
            text = SCANS[name]
        else:
            text = extract(data, Limits()).text if is_file else data.decode(encodings.get(name, "utf-8"))
        place = 0
        for entity in entities:
            assert entity["category"] in CATEGORIES
            assert entity["text"] in text[place:], f"{entity} is not in {name} after character {place}"
            place = text.index(entity["text"], place) + len(entity["text"])


def test_drop_documents_are_not_training_data() -> None:
    learnt = {path.read_bytes() for path in (SAMPLES / "labelled").iterdir()}
    assert not [path for path in DROPPED if path.read_bytes() in learnt]


def test_drop_documents_match_readme() -> None:
    assert dropped("agreement-ferry.txt").startswith(codecs.BOM_UTF16_LE)
    assert dropped("termsheet-gallery.txt").startswith(codecs.BOM_UTF8)
    with pytest.raises(UnicodeDecodeError):
        dropped("offre-boulangerie.txt").decode("utf-8")
    assert "£930" in dropped("offre-boulangerie.txt").decode("cp1252")
    crlf = dropped("statement-crlf.txt")
    assert crlf.count(b"\r\n") == crlf.count(b"\n") > 10
    assert "\u0301" in dropped("student-emoji.txt").decode("utf-8")
    assert len(dropped("portfolio-review-2025.txt").decode("utf-8")) >= 6_000
    assert len(dropped("short-note.txt")) < 120


def test_readme_names_existing_documents() -> None:
    readme = (SAMPLES / "README.md").read_text("utf-8")
    named = {line.split("`")[1] for line in readme.partition("## What is special")[2].splitlines() if "`" in line[:4]}
    assert f"{len(LABELLED)} labelled documents" in readme
    assert f"{len(EXPECTED)} documents to drop" in readme
    assert named <= set(EXPECTED)
    assert len(named) == 10 + len([name for name in EXPECTED if name.startswith("files/")])
