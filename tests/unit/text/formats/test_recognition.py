import pytest

from functions.text.formats import HEAD_BYTES
from functions.text.formats.extraction import NotExtractable, Reason
from functions.text.formats.recognition import (
    format_of_archive,
    format_of_compound_file,
    recognise,
    what_it_is,
)

RECOGNISED = {
    "pdf": [b"%PDF-1.7\n", b"junk before it\n%PDF-1.4\n1 0 obj\n"],
    "zip": [b"PK\x03\x04", b"PK\x05\x06" + bytes(18)],
    "ole": [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    "rtf": [b"{\\rtf1\\ansi", b"\xef\xbb\xbf {\\rtf1"],
    "picture": [b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic", b"II*\0"],
    "recording": [b"OggS\0", b"ID3\x04\x00", b"RIFF\0\0\0\0WAVE", b"fLaC\0", b"\0\0\0\x18ftypisom"],
    "html": [
        b"<!DOCTYPE html><p>x",
        b"\n<!-- saved -->\n<html>",
        b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'><html/>",
        b"<HEAD><TITLE>x",
        b"<p>Hello</p>",
        b"<div class='x'>one<br>two",
        "<!doctype html><p>x".encode("utf-16"),
        b"\xef\xbb\xbf<html>",
    ],
    "xml": [
        b"<?xml version='1.0'?><a/>",
        b"<a><b>x</b></a>",
        b'<Invoice xmlns="urn:x">\n<ID>5</ID>\n</Invoice>\n',
        "<?xml version='1.0'?><a/>".encode("utf-16"),
        b"<a>" + b"<b>x</b>" * HEAD_BYTES,
    ],
    "eml": [
        b"Received: by x\r\nFrom: a\r\nTo: b\r\n\r\nx",
        b"From: a\nSubject: x\n and more\nMIME-Version: 1.0\n\nx",
    ],
    "json": [b'{"a": 1}', b"{}", b'[{"a": 1}]', b'["x", "y"]', b'{"a":\n 1}\n', b'{"a": [' + b'"x",' * HEAD_BYTES],
    "jsonl": [b'{"a": 1}\n{"a": 2}\n', b'{"a": 1}\r\n{"a": 2}'],
    "csv": [b"a,b\n1,2\n3,4\n", b'a;b\n"x\ny";2\n3;4', b"a|b\n1|2\n3|4", b"a,b\n" * HEAD_BYTES],
    "tsv": [b"a\tb\n1\t2\n"],
    "md": [b"# Title\n\ntext", b"text\n\n## Part\ntext"],
    "plain": [
        b"",
        b"Dear Jonas,\nthank you.\nAnna\n",
        b"From: Anna\nTo: Jonas\nSubject: The invoice\n\nDear Jonas",
        b"<Jonas> hello\n<Anna> hello",
        b"<3 you",
        b"[1] Berg, A.: Letters.\n[2] Lie, J.: Answers.",
        b"{name}, hello",
        b"{see above}",
        b"#include <stdio.h>",
        b"#hashtag",
        b"One, two\nthree, four, five\n",
        b"\x00\x01\x02\x03",
        b"7z\xbc\xaf\x27\x1c",
        b"\x6f\0\0\0\n\n# in a program\n",
        b"\xa7\x0d\x0d\x0a" + bytes(60) + b"\n\n# in a program\n",
        b"%PDF is a format\n",
        b"as in %PDF-1.4, which\n%PDF-1.4\n is old",
    ],
}
CASES = [(name, data) for name, contents in RECOGNISED.items() for data in contents]


@pytest.mark.parametrize(("name", "data"), CASES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(CASES)])
def test_format_follows_from_content(name: str, data: bytes) -> None:
    assert recognise(data) == name


def test_only_the_first_64_kib_are_looked_at() -> None:
    text = b"word " * (HEAD_BYTES // 5 + 1)
    assert recognise(text + b"\n\n# Heading\n") == recognise(text) == "plain"


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"\x89PNG", "a PNG picture"), (b"fLaC\0", "a FLAC recording"), (b"", "a picture or a recording")],
)
def test_media_are_named(data: bytes, words: str) -> None:
    assert what_it_is(data) == words


@pytest.mark.parametrize(
    ("names", "media_type", "name"),
    [
        (["[Content_Types].xml", "word/document.xml"], "", "docx"),
        (["[Content_Types].xml", "ppt/presentation.xml"], "", "pptx"),
        (["[Content_Types].xml", "xl/workbook.xml"], "", "xlsx"),
        (["mimetype", "content.xml"], "application/vnd.oasis.opendocument.text", "odt"),
        (["mimetype", "content.xml"], "application/vnd.oasis.opendocument.spreadsheet-template", "ods"),
        (["mimetype"], "application/epub+zip", "epub"),
        (["word/letter.txt", "notes.txt"], "", "zip"),
        (["[Content_Types].xml", "notes.txt"], "", "zip"),
        ([], "", "zip"),
    ],
)
def test_archive_is_known_by_its_members(names: list[str], media_type: str, name: str) -> None:
    assert format_of_archive(names, media_type) == name


@pytest.mark.parametrize(
    ("names", "media_type", "words"),
    [
        (["mimetype"], "application/vnd.oasis.opendocument.presentation", "OpenDocument presentation"),
        (["[Content_Types].xml", "xl/workbook.bin"], "", "xlsb"),
        (["Index/Document.iwa"], "", "Pages"),
    ],
)
def test_archive_that_is_not_read_is_named(names: list[str], media_type: str, words: str) -> None:
    with pytest.raises(NotExtractable, match=words) as caught:
        format_of_archive(names, media_type)
    assert caught.value.reason is Reason.UNKNOWN_FORMAT


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["EncryptedPackage", "EncryptionInfo"], Reason.PROTECTED),
        (["WordDocument", "1Table"], Reason.OLD_FORMAT),
        (["PowerPoint Document"], Reason.OLD_FORMAT),
        (["something"], Reason.UNKNOWN_FORMAT),
    ],
)
def test_compound_file_that_is_not_read_says_why(names: list[str], reason: Reason) -> None:
    with pytest.raises(NotExtractable) as caught:
        format_of_compound_file(names)
    assert caught.value.reason is reason


def test_compound_files_that_are_read() -> None:
    assert format_of_compound_file(["Workbook"]) == format_of_compound_file(["Book"]) == "xls"
    assert format_of_compound_file(["__properties_version1.0", "__nameid_version1.0"]) == "msg"
