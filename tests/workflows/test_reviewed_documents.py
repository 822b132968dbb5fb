"""Which documents may be learnt from: reviewed ones, at their newest version, with the answer that was reviewed."""

import hashlib
import json
from pathlib import Path

import pytest

from functions.core.decisions import corrections_name
from functions.errors import RecordError
from functions.labels.formats import FORMATS, Source
from functions.labels.values import Span
from functions.workflows.reviewed_documents import CorrectionsReader, LeftOutDocument, NotLearnt, Reviewed
from tests.support.command_line import run_on
from tests.support.corrections import correct, found_in
from tests.support.world import World, letter


@pytest.fixture
def done(world: World) -> World:
    for n in range(3):
        world.drop(f"loans/{n}.txt", letter(n))
    world.run()
    return world


def reader(world: World) -> CorrectionsReader:
    parts = world.app.parts
    return CorrectionsReader(parts.documents, parts.records, parts.storage_threads)


def reason(world: World) -> NotLearnt:
    (found,) = reader(world).documents()
    assert isinstance(found, LeftOutDocument)
    return found.reason


def test_reviewed_documents_are_found(done: World) -> None:
    wanted = [*found_in(done, "loans/1.txt")[1:], Span(0, 4, "Greeting")]
    correct(done, "loans/1.txt", wanted)
    (found,) = reader(done).documents()
    assert isinstance(found, Reviewed)
    assert (found.document.name, found.document.text) == ("loans/1.txt", letter(1))
    assert (list(found.document.spans), found.corrected) == (sorted(wanted), 2)


def test_what_nobody_decided_stands(done: World) -> None:
    """Whoever says that a document is reviewed has looked at all of it."""
    correct(done, "loans/1.txt", decisions=[])
    (found,) = reader(done).documents()
    assert isinstance(found, Reviewed)
    assert list(found.document.spans) == found_in(done, "loans/1.txt")


@pytest.mark.parametrize(
    ("status", "expected"),
    [("open", NotLearnt.OPEN), ("skipped", NotLearnt.SKIPPED), ("flagged", NotLearnt.FLAGGED)],
)
def test_unfinished_reviews_stay_out(done: World, status: str, expected: NotLearnt) -> None:
    correct(done, "loans/1.txt", status=status)
    assert reason(done) is expected


def test_replaced_document_stays_out(done: World) -> None:
    correct(done, "loans/1.txt")
    done.drop("loans/1.txt", letter(1, 2), announce=False)
    assert reason(done) is NotLearnt.REPLACED
    done.announce("loans/1.txt")
    done.run()
    assert reason(done) is NotLearnt.REPLACED


def test_deleted_document_is_learnt_where_text_remains(done: World) -> None:
    correct(done, "loans/1.txt")
    done.intake.delete("loans/1.txt")
    assert reason(done) is NotLearnt.NO_TEXT


def test_other_answer_needs_every_decision(done: World) -> None:
    correct(done, "loans/1.txt", decisions=[])
    correct(done, "loans/2.txt")
    done.clock.advance(60)
    for name in ("loans/1.txt", "loans/2.txt"):
        blob = done.output.read(f"{name}.entities.json")
        done.output.write(f"{name}.entities.json", blob.data, metadata=blob.info.metadata)
    one, other = reader(done).documents()
    assert isinstance(one, LeftOutDocument) and one.reason is NotLearnt.ANALYSED_AGAIN
    assert isinstance(other, Reviewed)


def test_other_text_stays_out(done: World) -> None:
    correct(done, "loans/1.txt", text={"sha256": "0" * 64})
    assert reason(done) is NotLearnt.OTHER_TEXT
    correct(done, "loans/1.txt", text={"sha256": hashlib.sha256(letter(1).encode()).hexdigest()})
    assert isinstance(next(reader(done).documents()), Reviewed)


def test_misfits_stay_out(done: World) -> None:
    correct(done, "loans/1.txt", [Span(0, 40_000, "Name")])
    assert reason(done) is NotLearnt.MISFITS


def test_unreadable_file_stays_out(done: World) -> None:
    done.output.write(corrections_name("loans/1.txt"), b"{")
    assert reason(done) is NotLearnt.UNREADABLE
    with pytest.raises(RecordError):
        reader(done).read("loans/1.txt")


def test_result_that_is_gone_is_told(done: World) -> None:
    correct(done, "loans/1.txt")
    done.output.delete("loans/1.txt.entities.json")
    assert reason(done) is NotLearnt.NO_RESULT


def test_filter_and_prefix_choose(done: World) -> None:
    for n in range(3):
        correct(done, f"loans/{n}.txt")
    names = [one.document.name for one in reader(done).documents("loans/", lambda name: "1" not in name)
             if isinstance(one, Reviewed)]  # fmt: skip
    assert names == ["loans/0.txt", "loans/2.txt"]
    assert list(reader(done).documents("mail/")) == []


def test_predictions_come_by_name_only(done: World) -> None:
    assert list(reader(done).documents()) == []
    found = reader(done).prediction("loans/1.txt")
    assert found and found.is_prediction
    assert list(found.document.spans) == found_in(done, "loans/1.txt")
    assert reader(done).prediction("none.txt") is None


def test_longest_names_are_found(world: World) -> None:
    name = "n" * 1010 + ".txt"
    world.drop(name, letter(1))
    world.run()
    correct(world, name)
    (found,) = reader(world).documents()
    assert isinstance(found, Reviewed)
    assert found.document.name == name


@pytest.mark.parametrize("name", FORMATS)
def test_reviewed_documents_are_exported(
    done: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    correct(done, "loans/1.txt")
    correct(done, "loans/2.txt", status="flagged")
    target, folder = tmp_path / f"out{FORMATS[name].suffix}", tmp_path / "texts"
    options = ["--corrections", "--documents", str(folder), "--json"]
    assert run_on(done, "labels", "export", name, str(target), *options) == 1
    assert json.loads(capsys.readouterr().out)["document"] == "loans/2.txt"
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    read = FORMATS[name].read(target.read_bytes(), Source(texts))
    (document,) = read.documents
    assert (document.text, list(document.spans)) == (letter(1), found_in(done, "loans/1.txt"))
    assert read.left_out == ()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []


def test_export_needs_one_source(done: World, tmp_path: Path) -> None:
    target = str(tmp_path / "out")
    assert run_on(done, "labels", "export", "doccano", target) == 2
    assert run_on(done, "labels", "export", "doccano", target, "--corrections", "--unit", "Utf16CodeUnit") == 2
