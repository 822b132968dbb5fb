"""Which documents may be learnt from: reviewed ones, at their newest version, with the answer that was reviewed."""

import hashlib
import json
from pathlib import Path

import pytest

from functions.core.decisions import corrections_name
from functions.errors import RecordError
from functions.labels.formats import FORMATS, Source
from functions.labels.values import Span
from functions.storage.corrections_store import CorrectionsStore
from functions.workflows.reviewed_documents import CorrectionsReader, LeftOutDocument, NotLearnt, Reviewed
from tests.support.command_line import run_on
from tests.support.corrections import correct, found_in, save
from tests.support.world import Call, Crash, World, letter


@pytest.fixture
def done(world: World) -> World:
    for n in range(3):
        world.drop(f"loans/{n}.txt", letter(n))
    world.run()
    return world


def reader(world: World) -> CorrectionsReader:
    parts = world.app.parts
    store = CorrectionsStore(parts.documents, parts.state)
    return CorrectionsReader(parts.documents, parts.records, store, parts.storage_threads)


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


# --- Versions that were replaced ---


def replaced(world: World, name: str, content: str) -> None:
    world.clock.advance(60)
    world.drop(name, content)
    world.run()


def versions(world: World) -> list[Reviewed]:
    """Return what is found with replaced versions; all of it may be learnt from."""
    found = list(reader(world).documents(with_replaced=True))
    assert all(isinstance(one, Reviewed) for one in found), found
    return [one for one in found if isinstance(one, Reviewed)]


def etag_of(world: World, name: str) -> str:
    return world.intake.get_properties(name).etag.strip('"')


def test_replaced_version_is_found_on_request(done: World) -> None:
    """What nobody decided comes out as the model found it then."""
    name, etag, found = "loans/1.txt", etag_of(done, "loans/1.txt"), found_in(done, "loans/1.txt")
    saved = save(done, name, decisions=[])
    at = done.output.get_properties(corrections_name(name)).last_modified
    replaced(done, name, letter(1, 2))
    assert list(reader(done).documents()) == []
    (one,) = versions(done)
    assert (one.document.name, one.name_in_intake) == (f"{name} (version {etag})", name)
    assert (one.document.text, list(one.document.spans)) == (letter(1), found)
    assert (one.etag, one.changed, one.corrected) == (saved.corrections.document.etag, at, 0)


def test_decisions_hold_in_replaced_version(done: World) -> None:
    wanted = [*found_in(done, "loans/1.txt")[1:], Span(0, 4, "Greeting")]
    save(done, "loans/1.txt", wanted)
    replaced(done, "loans/1.txt", letter(1, 2))
    (one,) = versions(done)
    assert (list(one.document.spans), one.corrected) == (sorted(wanted), 2)


def test_every_replaced_version_is_found(done: World) -> None:
    etags, texts = [], [letter(1), letter(1, 2), letter(2, 1)]
    for number, text in enumerate(texts):
        if number:
            replaced(done, "loans/1.txt", text)
        etags.append(etag_of(done, "loans/1.txt"))
        save(done, "loans/1.txt", decisions=[])
    found = {one.document.name: one.document.text for one in versions(done)}
    names = ["loans/1.txt", *sorted(f"loans/1.txt (version {etag})" for etag in etags[:2])]
    assert list(found) == names
    assert {name: found[name] for name in names[1:]} == {
        f"loans/1.txt (version {etag})": text for etag, text in zip(etags[:2], texts[:2], strict=True)
    }
    assert [one.document.name for one in versions(done) if not one.newest] == ["loans/1.txt"]
    assert list(reader(done).documents("mail/", with_replaced=True)) == []


def test_version_not_put_apart_yet_is_found_once(done: World) -> None:
    save(done, "loans/1.txt", decisions=[])
    etag = etag_of(done, "loans/1.txt")
    before = done.output.read(corrections_name("loans/1.txt"))
    done.drop("loans/1.txt", letter(1, 2), announce=False)
    assert reason(done) is NotLearnt.REPLACED
    assert [one.document.name for one in versions(done)] == [f"loans/1.txt (version {etag})"]
    done.announce("loans/1.txt")
    done.run()
    done.output.write(corrections_name("loans/1.txt"), before.data, metadata=before.info.metadata)
    assert [one.document.name for one in versions(done)] == [f"loans/1.txt (version {etag})"]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [(".txt", NotLearnt.NO_TEXT), (".entities.json", NotLearnt.NO_ANSWER), (".json", NotLearnt.UNREADABLE)],
)
def test_version_needs_what_was_kept(done: World, ending: str, expected: NotLearnt) -> None:
    name = f"loans/1.txt (version {etag_of(done, 'loans/1.txt')})"
    kept = f"corrections/loans/1.txt/{etag_of(done, 'loans/1.txt')}{ending}"
    save(done, "loans/1.txt")
    replaced(done, "loans/1.txt", letter(1, 2))
    if ending == ".json":
        done.state.write(kept, b"{")
    else:
        done.state.delete(kept)
    assert list(reader(done).documents(with_replaced=True)) == [LeftOutDocument(name, expected)]


def test_version_with_another_text_stays_out(done: World) -> None:
    kept = f"corrections/loans/1.txt/{etag_of(done, 'loans/1.txt')}.txt"
    save(done, "loans/1.txt")
    replaced(done, "loans/1.txt", letter(1, 2))
    done.state.write(kept, letter(3).encode())
    (found,) = reader(done).documents(with_replaced=True)
    assert isinstance(found, LeftOutDocument) and found.reason is NotLearnt.OTHER_TEXT


def test_unfinished_review_of_a_version_stays_out(done: World) -> None:
    save(done, "loans/1.txt", status="flagged", reason="odd")
    save(done, "loans/2.txt", status="open")
    for name in ("loans/1.txt", "loans/2.txt"):
        replaced(done, name, letter(1, 2))
    found = reader(done).collect(with_replaced=True)
    assert [one.reason for one in found.left_out] == [NotLearnt.FLAGGED, NotLearnt.OPEN]
    assert not [info.name for info in done.state.list("corrections/") if info.name.endswith(".entities.json")]


def analysed_again(world: World, name: str) -> list[Span]:
    """Have the model find one entity less at the same version; return what it finds now."""
    blob = world.output.read(f"{name}.entities.json")
    result = json.loads(blob.data)
    result["entities"].pop()
    world.clock.advance(60)
    world.output.write(blob.info.name, json.dumps(result).encode(), metadata=blob.info.metadata)
    return found_in(world, name)


def test_last_finished_review_keeps_its_answer(done: World) -> None:
    """Saved again after the document was analysed again at the same version."""
    save(done, "loans/1.txt", decisions=[])
    found = analysed_again(done, "loans/1.txt")
    save(done, "loans/1.txt", decisions=[])
    replaced(done, "loans/1.txt", letter(1, 2))
    (one,) = versions(done)
    assert list(one.document.spans) == found


@pytest.mark.parametrize("moment", ["before", "after"])
def test_crash_after_the_answer_was_kept_claims_nothing(done: World, moment: str) -> None:
    """What is kept then is an answer that no saved review was about; the next save sets it right."""
    save(done, "loans/1.txt", decisions=[])
    save(done, "loans/2.txt")
    for name in ("loans/1.txt", "loans/2.txt"):
        analysed_again(done, name)

    def crash(call: Call) -> None:
        if (call.action, call.moment) == ("write", moment) and call.name.endswith(
            ".corrections.json" if moment == "before" else ".entities.json"
        ):
            raise Crash

    for name in ("loans/1.txt", "loans/2.txt"):
        done.gate = crash
        with pytest.raises(Crash):
            save(done, name, decisions=[])
        done.gate = None
        done.restart()
    one, other = reader(done).documents()
    assert isinstance(one, LeftOutDocument) and one.reason is NotLearnt.ANALYSED_AGAIN
    assert isinstance(other, Reviewed)
    for name in ("loans/1.txt", "loans/2.txt"):
        replaced(done, name, letter(1, 2))
    one, other = reader(done).documents(with_replaced=True)
    assert isinstance(one, LeftOutDocument) and one.reason is NotLearnt.ANALYSED_AGAIN
    assert isinstance(other, Reviewed), "every entity was decided"


def test_crash_before_first_review_is_saved_loses_nothing(done: World) -> None:
    def crash(call: Call) -> None:
        if (call.action, call.moment) == ("write", "before") and call.name.endswith(".corrections.json"):
            raise Crash

    done.gate = crash
    with pytest.raises(Crash):
        save(done, "loans/1.txt", decisions=[])
    done.gate = None
    done.restart()
    assert list(reader(done).documents(with_replaced=True)) == []
    save(done, "loans/1.txt", decisions=[])
    replaced(done, "loans/1.txt", letter(1, 2))
    assert len(versions(done)) == 1


@pytest.mark.parametrize("length", [900, 958, 1007, 1018])
def test_versions_of_the_longest_names_are_found(world: World, length: int) -> None:
    name = "n" * length + ".txt"
    world.drop(name, letter(1))
    world.run()
    etag = etag_of(world, name)
    save(world, name)
    replaced(world, name, letter(1, 2))
    (one,) = versions(world)
    assert (one.document.name, one.name_in_intake) == (f"{name} (version {etag})", name)


def test_replaced_versions_are_exported_on_request(
    done: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    etag = etag_of(done, "loans/1.txt")
    save(done, "loans/1.txt", decisions=[])
    labels = found_in(done, "loans/1.txt")
    replaced(done, "loans/1.txt", letter(1, 2))
    save(done, "loans/1.txt")
    save(done, "loans/2.txt")
    done.state.delete(f"corrections/loans/2.txt/{etag_of(done, 'loans/2.txt')}.txt")
    replaced(done, "loans/2.txt", letter(3))
    target, folder = tmp_path / "out.jsonl", tmp_path / "texts"
    options = ["labels", "export", "doccano", str(target), "--corrections", "--documents", str(folder), "--json"]
    assert run_on(done, *options) == 0
    assert FORMATS["doccano"].read(target.read_bytes(), Source({})).documents[0].text == letter(1, 2)
    assert (len(target.read_text().splitlines()), len([*folder.iterdir()])) == (1, 1)
    assert capsys.readouterr().out == ""

    assert run_on(done, *options, "--replaced") == 1
    (told,) = capsys.readouterr().out.splitlines()
    assert json.loads(told)["reason"] == "its text is gone"
    assert json.loads(told)["document"].startswith("loans/2.txt (version ")
    newest, older = FORMATS["doccano"].read(target.read_bytes(), Source({})).documents
    assert (newest.name, newest.text) == ("loans/1.txt", letter(1, 2))
    assert (older.name, older.text) == (f"loans/1.txt (version {etag})", letter(1))
    assert list(older.spans) == labels
    assert {path.read_text() for path in folder.iterdir()} == {letter(1), letter(1, 2)}


def test_option_is_named_where_it_helps(done: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(done, "loans/1.txt")
    done.drop("loans/1.txt", letter(1, 2), announce=False)
    options = ["labels", "export", "doccano", str(tmp_path / "out"), "--corrections"]
    assert run_on(done, *options) == 1
    assert "replaced since its review; --replaced takes that version" in capsys.readouterr().err
    assert run_on(done, *options, "--replaced") == 0
    assert run_on(done, "labels", "export", "doccano", str(tmp_path / "out"), "--replaced") == 2


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
