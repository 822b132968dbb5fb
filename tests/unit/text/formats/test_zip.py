import io
import zipfile

import pytest

from functions.text.formats.extraction import Reason

from .hostile import zip_with_overlap, zip_with_wrong_size, zipped
from .samples import extracted, places, refused, sample


def test_members_are_parts_in_their_order() -> None:
    found = extracted(sample("archive.zip"))
    assert found.format == "zip"
    assert [(text[:12], place) for text, place in places(found)] == [
        ("Contoso Ltd.", {"part": "letters/letter.rtf"}),
        ("The administ", {"part": "letters/hyphens.pdf", "page": 1}),
        ("Notes of Jon", {"part": "notes.txt"}),
    ]
    assert found.warnings == ()


def test_member_in_a_member_has_a_path() -> None:
    inner = zipped({"b.html": b"<html><h1>T</h1>text</html>"})
    assert places(extracted(zipped({"a.zip": inner}))) == [("T\n\ntext\n", {"part": "a.zip/b.html", "heading": "T"})]


def test_member_that_cannot_be_read_is_named() -> None:
    found = extracted(zipped({"a.pdf": b"%PDF-1.7", "b.txt": b"text", "c.bin": bytes(range(32))}))
    assert found.text == "text"
    assert [one.message.split(".")[0] + "." + one.message.split(".")[1] for one in found.warnings] == [
        "a.pdf was left out (damaged)",
        "c.bin was left out (unknown format)",
    ]


def test_archive_without_text_says_what_was_left_out() -> None:
    error = refused(zipped({"a.png": b"\x89PNG"}))
    assert error.reason is Reason.NO_TEXT
    assert "a.png was left out (no text)" in error.detail


def test_password_is_needed() -> None:
    data = bytearray(zipped({"a": b"text"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    assert refused(bytes(data)).reason is Reason.PROTECTED


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_read(kind: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        archive.writestr("a", "text")
    assert extracted(buffer.getvalue()).text == "text"


def test_overlapping_members_are_damage() -> None:
    assert refused(zip_with_overlap()).reason is Reason.DAMAGED


def test_wrong_size_leaves_the_member_out() -> None:
    assert "damaged" in refused(zip_with_wrong_size()).detail


@pytest.mark.parametrize("size", [4, 30, 100])
def test_cut_off_archive_is_damaged(size: int) -> None:
    assert refused(zipped({"a": b"text" * 100, "b": b"x"})[:size]).reason is Reason.DAMAGED


def test_entries_are_counted_over_all_levels() -> None:
    inner = zipped({"a": b"x", "b": b"x"})
    assert extracted(zipped({"c": inner, "d": b"x"}), entries=4).text
    assert refused(zipped({"c": inner, "d": b"x"}), entries=3).limit == "entries"


def test_unpacked_bytes_are_counted_over_all_levels() -> None:
    inner = zipped({"a": b"words " * 100})
    assert refused(zipped({"c": inner}), unpacked_bytes=600).limit == "unpacked_bytes"


def test_empty_archive_has_no_text() -> None:
    assert refused(zipped({})).reason is Reason.NO_TEXT
