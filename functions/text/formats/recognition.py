"""Which format a file has, by its content; names and suffixes do not count.

The first 64 KiB say whether a file is text or a container, which is all that is needed to know its size limit
(`recognise`). What kind of archive or compound file it is stands in its directory, which may be at its end
(`recognise_container`). What is no known format is `plain`: `functions/text/decoding.py` decides whether it is text.
"""

import csv
import json
import re
from collections.abc import Iterable, Sequence

from ..decoding import known_binary
from . import HEAD_BYTES
from .extraction import NotExtractable, Reason, words

_MARKS = (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_PDF = re.compile(rb"(?:^|[\r\n])%PDF-\d\.\d")
_PDF_HEADER_BYTES = 1_024
"""How far into a file its header may stand: what scanners and mail gateways put before it is read over by readers."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK\x03\x04")


def recognise(head: bytes) -> str:
    """Return the name of the format that a file begins like; `head` is its first 64 KiB, or all of it.

    Text: `html`, `xml`, `json`, `jsonl`, `csv`, `tsv`, `md` or `plain`. Others: `pdf`, `rtf`, `eml`, `picture`,
    `recording`, and `zip` and `ole` for containers whose directory says more.
    """
    head = head[:HEAD_BYTES]
    binary = _binary(head)
    if binary:
        return binary
    text = _markup_view(head)
    if "\0" in text:
        return "plain"
    for name, is_format in _TEXTS:
        if is_format(text):
            return name
    return "plain"


def what_it_is(head: bytes) -> str:
    """Return in words what a picture or a recording is ("a PNG picture")."""
    return known_binary(head) or _other_media(head) or "a picture or a recording"


def _binary(head: bytes) -> str | None:
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(_OLE):
        return "ole"
    if head.startswith(b"%PDF-") or (_PDF.search(head[:_PDF_HEADER_BYTES]) and b" obj" in head):
        return "pdf"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{\\rtf"):
        return "rtf"
    kind = known_binary(head) or _other_media(head) or ""
    return next((name for name in ("picture", "recording") if kind.endswith(name)), None)


_MEDIA = (
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP picture"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "a WAVE recording"),
    (re.compile(rb"RIFF....AVI ", re.DOTALL), "an AVI recording"),
    (re.compile(rb"BM....\0\0\0\0....[\x0c\x28\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "a BMP picture"),
    (re.compile(rb"....ftyp(heic|heix|mif1|avif)", re.DOTALL), "a HEIF picture"),
    (re.compile(rb"\0\0\0.ftyp", re.DOTALL), "an MPEG-4 recording"),
    (re.compile(rb"fLaC\0"), "a FLAC recording"),
    (re.compile(rb"\xff[\xfb\xf3\xf2][^\xf0-\xff]"), "an MP3 recording"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "a Matroska recording"),
)


def _other_media(head: bytes) -> str | None:
    return next((kind for mark, kind in _MEDIA if mark.match(head)), None)


_UTF_16_BYTES = 64


def _markup_view(head: bytes) -> str:
    """Return text in which ASCII characters are what they are, whichever encoding the bytes have."""
    for mark in _MARKS:
        if head.startswith(mark):
            head = head[len(mark) :]
            break
    if any(each and each.count(0) == len(each) for each in (head[:_UTF_16_BYTES:2], head[1:_UTF_16_BYTES:2])):
        head = head.replace(b"\0", b"")
    return head.decode("latin-1")


# --- html and xml ---

_BEFORE_ROOT = re.compile(
    r"(?:\s+|<\?[^>]*>|<!--.*?-->|<!doctype\s+(?!html)[^>\[]*(?:\[.*?\]\s*)?>)*", re.DOTALL | re.I
)
_HTML_ROOT = re.compile(r"<(?:!doctype\s+html|html|head|body|title|meta|base|frameset)\b", re.IGNORECASE)
_HTML_PART = re.compile(
    r"<(address|article|b|blockquote|center|div|dl|font|form|h[1-6]|i|img|link|main|ol|p|pre|script|section|span|strong"
    r"|style|table|ul)(?:\s[^<>]*)?>",
    re.IGNORECASE,
)
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)(?:\s[^<>]*?)?(/?)>")


def _is_html(text: str) -> bool:
    if not text.lstrip().startswith("<"):
        return False
    begin = _BEFORE_ROOT.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    if _HTML_ROOT.match(text, begin):
        return True
    part = _HTML_PART.match(text, begin)
    # Text may begin with a word in brackets; an element is closed somewhere, or others follow.
    return bool(part and re.search(rf"</{part.group(1)}\s*>|<(?:p|br|div|td|li)\b", text[part.end() :], re.IGNORECASE))


def _is_xml(text: str) -> bool:
    if not text.startswith("<"):
        return False
    if re.match(r"<\?xml\s", text):
        return True
    root = _XML_ROOT.match(text, _BEFORE_ROOT.match(text).end())  # type: ignore[union-attr]
    if not root:
        return False
    rest = text[root.end() :]
    if len(text) < HEAD_BYTES:
        return rest.rstrip().endswith("/>" if root.group(2) else f"</{root.group(1)}>")
    return bool(re.search(r"</[\w.:-]+\s*>", rest))


# --- mail ---

_HEADER = re.compile(r"([!-9;-~]+):[^\r\n]*(?:\r\n|\n|\r)(?:[ \t][^\r\n]*(?:\r\n|\n|\r))*")
_OF_TRANSPORT = words(
    "received message-id mime-version return-path delivered-to dkim-signature content-transfer-encoding x-mailer "
    "authentication-results x-unsent arc-seal user-agent thread-index x-received"
)
_OF_MAIL = words("from to cc subject date sender reply-to content-type")


def _is_eml(text: str) -> bool:
    """Whether it begins with headers, some of which only programs write: people write From, To and Subject, too."""
    names: set[str] = set()
    position = 0
    while header := _HEADER.match(text, position):
        names.add(header.group(1).lower())
        position = header.end()
        if names & _OF_TRANSPORT and len(names & _OF_MAIL) >= 2:
            return True
    return False


# --- json, tables, markdown ---

_JSON_BEGIN = re.compile(r"""\s*(?:\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})|\[\s*(?:[{\[]|"(?:[^"\\]|\\.)*"\s*[,\]]))""")


def _is_jsonl(text: str) -> bool:
    lines = [line for line in text.splitlines()[:10] if line.strip()]
    if len(lines) < 2 or not all(line.startswith("{") for line in lines[:2]):
        return False
    try:
        return isinstance(json.loads(lines[0]), dict)
    except (ValueError, RecursionError):
        return False


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "[") or not _JSON_BEGIN.match(text):
        return False
    # Whoever quotes may begin like a list of lists: "[[1]] says".
    return len(text) >= HEAD_BYTES or text.rstrip()[-1:] in ("}", "]")


_ROWS = 3
"""Rows at least that make a table of text with commas or semicolons."""


def _is_tsv(text: str) -> bool:
    return _is_table(text, "\t", 2)


def _is_csv(text: str) -> bool:
    return delimiter_of(text) is not None


def delimiter_of(text: str) -> str | None:
    """Return what separates the columns of a table in text, other than tabs; None where it is no table."""
    return next((mark for mark in ",;|" if _is_table(text, mark, _ROWS)), None)


def _is_table(text: str, delimiter: str, least_rows: int) -> bool:
    first, _, rest = text.partition("\n")
    if delimiter not in first or delimiter not in rest:
        return False
    try:
        widths = [len(row) for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter) if row]
    except csv.Error:
        return False
    if len(text) >= HEAD_BYTES:
        widths.pop()  # It is cut off somewhere.
    return len(widths) >= least_rows and widths[0] >= 2 and len(set(widths)) == 1


_HEADING = re.compile(r"(?:\A|\n[ \t]*\r?\n)#{1,6}[ \t]+\S")


def _is_md(text: str) -> bool:
    return bool(_HEADING.search(text))


_TEXTS = (
    ("html", _is_html),
    ("xml", _is_xml),
    ("eml", _is_eml),
    ("jsonl", _is_jsonl),
    ("json", _is_json),
    ("md", _is_md),
    ("tsv", _is_tsv),
    ("csv", _is_csv),
)


# --- containers ---

_OPEN_DOCUMENT = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.text-template": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.spreadsheet-template": "ods",
    "application/epub+zip": "epub",
}
_OFFICE = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))


def format_of_archive(names: Sequence[str], media_type: str) -> str:
    """Return the format of a zip archive: `zip`, or what its members or its `mimetype` make of it.

    Raises `NotExtractable` for formats that are known and not read.
    """
    if media_type in _OPEN_DOCUMENT:
        return _OPEN_DOCUMENT[media_type]
    if media_type.startswith("application/vnd.oasis.opendocument."):
        kind = media_type.removeprefix("application/vnd.oasis.opendocument.")
        raise NotExtractable(
            Reason.UNKNOWN_FORMAT, f"It is an OpenDocument {kind}, which is not read. Save it as pdf and drop it again."
        )
    if "[Content_Types].xml" in names:
        if "xl/workbook.bin" in names:
            raise NotExtractable(
                Reason.UNKNOWN_FORMAT, "It is a binary Excel workbook (xlsb). Save it as xlsx and drop it again."
            )
        found = [name for folder, name in _OFFICE if any(each.startswith(folder) for each in names)]
        if found:
            return found[0]
    if any(name.endswith(".iwa") for name in names):
        raise NotExtractable(
            Reason.UNKNOWN_FORMAT,
            "It is a document of Apple's Pages, Numbers or Keynote. Export it as pdf or Office file and drop that.",
        )
    return "zip"


def format_of_compound_file(names: Iterable[str]) -> str:
    """Return the format of a compound (OLE) file by the names of its streams at the top: `xls` or `msg`.

    Raises `NotExtractable` for protected and old ones.
    """
    top = frozenset(names)
    if top & {"EncryptedPackage", "EncryptionInfo"}:
        raise NotExtractable(
            Reason.PROTECTED,
            "It is an Office document with a password. Save it without one and drop it again.",
        )
    if "__properties_version1.0" in top:
        return "msg"
    if "WordDocument" in top:
        raise NotExtractable(Reason.OLD_FORMAT, "It is an old Word document (doc). Save it as docx and drop it again.")
    if "PowerPoint Document" in top:
        raise NotExtractable(
            Reason.OLD_FORMAT, "It is an old PowerPoint presentation (ppt). Save it as pptx and drop it again."
        )
    if top & {"Workbook", "Book"}:
        return "xls"
    raise NotExtractable(
        Reason.UNKNOWN_FORMAT, "It is an old Microsoft file that is not Word, Excel, PowerPoint or a mail."
    )
