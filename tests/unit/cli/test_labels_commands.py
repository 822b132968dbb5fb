"""`labels`: files in, files out, and what is told of them. No settings are needed."""

import json
from pathlib import Path

import pytest

from functions.cli.main import run
from functions.labels.formats import FORMATS
from local.process import ROOT

SAMPLES = ROOT / "samples"
SOURCE = ["--labels", str(SAMPLES / "labels.json"), "--documents", str(SAMPLES / "labelled")]


def labels_in(path: Path) -> list[dict[str, object]]:
    """The documents of a labels file, whose regions say how long the texts are."""
    found: list[dict[str, object]] = json.loads(path.read_bytes())["assets"]["documents"]
    return found


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.startswith("language-studio")])
def test_samples_come_back_from_every_format(name: str, tmp_path: Path) -> None:
    """Byte by byte the texts, and offset by offset the labels."""
    exported, labels, folder = tmp_path / f"out{FORMATS[name].suffix}", tmp_path / "in.json", tmp_path / "texts"
    assert run(["labels", "export", name, str(exported), *SOURCE]) == 0
    back = ["labels", "import", name, str(exported), "--labels", str(labels), "--documents", str(folder)]
    assert run(back) == 0
    assert labels_in(labels) == labels_in(SAMPLES / "labels.json")
    for path in (SAMPLES / "labelled").iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert run(back) == 0  # a second time changes nothing


def doccano(path: Path, *entries: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(entry) for entry in entries))
    return path


def imported(source: Path, folder: Path) -> list[str]:
    return ["labels", "import", "doccano", str(source), "--labels", str(folder / "l.json"), "--documents", str(folder)]


def test_import_names_documents_for_the_service(tmp_path: Path) -> None:
    """A byte-order mark in a text would not survive in a file, so it goes, and the labels move."""
    source = doccano(
        tmp_path / "a.jsonl",
        {"text": "\ufeffAnna 😀 Bell", "label": [[1, 5, "A"], [9, 13, "B"]], "location": "x/Ä b.txt"},
        {"text": "Second", "label": [], "location": "x-A-b.txt"},
        {"text": "Third", "label": []},
    )
    assert run(imported(source, tmp_path)) == 0
    documents = labels_in(tmp_path / "l.json")
    assert [one["location"] for one in documents] == ["x-A-b.txt", "x-A-b2.txt", "document00003.txt"]
    assert (tmp_path / "x-A-b.txt").read_bytes() == "Anna 😀 Bell".encode()
    (region,) = documents[0]["entities"]  # type: ignore[misc]
    assert [(one["offset"], one["length"]) for one in region["labels"]] == [(0, 4), (8, 4)]


def test_import_overwrites_no_other_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = doccano(tmp_path / "a.jsonl", {"text": "New", "label": [], "location": "a.txt"})
    (tmp_path / "a.txt").write_text("Old")
    assert run(imported(source, tmp_path)) == 2
    assert "is there with another content, so nothing was written" in capsys.readouterr().err
    assert (tmp_path / "a.txt").read_text() == "Old"
    assert not (tmp_path / "l.json").exists()


def test_left_out_labels_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = doccano(tmp_path / "a.jsonl", {"text": "Anna", "label": [[0, 9, "A"], [0, 4, "A"]], "location": "a.txt"})
    assert run(imported(source, tmp_path)) == 1
    told = capsys.readouterr().err
    assert "a.txt: 'A' at 0, length 9: the offsets do not fit the text" in told
    assert "1 document with 1 label, 1 entry left out" in told


def write_labels(folder: Path, *labels: tuple[int, int, str], text: bytes = b"Anna Bell owes.\r\n") -> list[str]:
    found = [{"offset": offset, "length": length, "category": category} for offset, length, category in labels]
    documents = [{"location": "a.txt", "language": "en-us", "entities": [{"labels": found}]}]
    content = {"assets": {"entities": [{"category": "A"}], "documents": documents}}
    (folder / "l.json").write_text(json.dumps(content))
    (folder / "a.txt").write_bytes(text)
    return ["--labels", str(folder / "l.json"), "--documents", str(folder)]


def test_check_tells_problems_and_corrects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = write_labels(tmp_path, (0, 5, "A"), (5, 4, "A"), (5, 4, "A"))
    assert run(["labels", "check", *files, "--write", str(tmp_path / "new.json"), "--json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["code"], one["level"], one["document"], one["offset"]) for one in found] == [
        ("LineEnds", "note", "a.txt", None),
        ("TooFewDocuments", "problem", "", None),
        ("TooFewLabels", "problem", "", None),
        ("WhiteSpaceAtEdge", "problem", "a.txt", 0),
        ("LabelTwice", "problem", "a.txt", 5),
    ]
    assert all(one["fix"] for one in found)
    (region,) = labels_in(tmp_path / "new.json")[0]["entities"]  # type: ignore[misc]
    assert [(one["offset"], one["length"]) for one in region["labels"]] == [(0, 4), (5, 4)]


def test_samples_have_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["labels", "check", *SOURCE]) == 0
    assert "65 documents: 0 problems, 4 notes." in capsys.readouterr().out


def test_document_outside_folder_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "in").mkdir()
    files = write_labels(tmp_path / "in", (0, 4, "A"))
    text = (tmp_path / "in" / "l.json").read_text()
    (tmp_path / "in" / "l.json").write_text(text.replace("a.txt", "../secret.txt"))
    assert run(["labels", "check", *files, "--json"]) == 1
    codes = [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()]
    assert "DocumentMissing" in codes


def test_split_writes_sets_and_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "split.json"
    assert run(["labels", "split", *SOURCE, "--anew", "--output", str(output), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 7
    assert all(0.1 <= one["test"] / (one["test"] + one["train"]) <= 0.4 for one in rows)
    again = ["labels", "split", "--labels", str(output), *SOURCE[2:], "--share", "0.5"]
    before = output.read_bytes()
    assert run(again) == 0
    assert output.read_bytes() == before


def test_split_refuses_labels_that_would_be_lost(tmp_path: Path) -> None:
    files = write_labels(tmp_path, (0, 400, "A"))
    before = (tmp_path / "l.json").read_bytes()
    assert run(["labels", "split", *files]) == 2
    assert (tmp_path / "l.json").read_bytes() == before


def test_unusable_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "l.json").write_text("{")
    assert run(["labels", "check", "--labels", str(tmp_path / "l.json"), "--documents", str(tmp_path)]) == 2
    assert "This is not a labels file" in capsys.readouterr().err
