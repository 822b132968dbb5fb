"""Outlook mails (msg), and which format a compound (OLE) file has.

The headers that people see, the body (the page, else the text, else the RTF), then attachments as parts; mails that are
attached to it included.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from ... import problems
from . import rtf
from .compound_files import CompoundFile
from .compressed_rtf import unpack
from .eml import write_headers
from .extraction import NotExtractable, Output, Reason, over_limit
from .html import write_page
from .plain import decoded
from .recognition import format_of_compound_file

# Property tags (MS-OXPROPS).
_CLASS, _SUBJECT, _DATE, _DELIVERED = "001A", "0037", "0039", "0E06"
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = "0C1A", "0C1F", "5D01"
_TO, _CC = "0E04", "0E03"
_BODY, _RTF, _HTML, _CODE_PAGE, _STRING_CODE_PAGE = "1000", "1009", "1013", "3FDE", "3FFD"
_CONTENT, _LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _CONTENT_ID = "3701", "3707", "3704", "3001", "3712"
_MEDIA_TYPE, _HIDDEN = "370E", "7FFE"

_UNICODE, _BYTES, _BINARY, _STORAGE = "001F", "001E", "0102", "000D"
_ATTACHMENT = "__attach_version1.0_"
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_ENTRY_BYTES = 16


def format_of(data: bytes) -> str:
    """Return the format of a compound file: `xls` or `msg`; raises `NotExtractable` for old and protected ones."""
    with CompoundFile(data) as file:
        return format_of_compound_file({path[0] for path in file.paths})


def extract(data: bytes, output: Output) -> None:
    """Write headers, body, and attachments."""
    with CompoundFile(data) as file:
        children: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for path in file.paths:
            children[tuple(path[:-1])].add(path[-1])
        _write_message(_Storage(file, children, (), output), output)


class _Storage:
    """The properties of a message or an attachment."""

    def __init__(
        self, file: CompoundFile, children: Mapping[tuple[str, ...], set[str]], path: tuple[str, ...], output: Output
    ) -> None:
        self._file = file
        self._children = children
        self.path = path
        self._output = output
        self._names = children.get(path, set())
        self._fixed = self._read_fixed()

    def text(self, tag: str) -> str:
        """Return a property of text; empty if there is none."""
        data = self._stream(tag, _UNICODE)
        if data is not None:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        data = self._stream(tag, _BYTES)
        if data is None:
            return ""
        try:
            return data.decode(self.code_page(_STRING_CODE_PAGE) or "cp1252", "replace").rstrip("\0")
        except LookupError:
            return data.decode("cp1252", "replace").rstrip("\0")

    def binary(self, tag: str) -> bytes:
        """Return a property of bytes; empty if there is none."""
        return self._stream(tag, _BINARY) or b""

    def code_page(self, tag: str) -> str:
        """Return the name of the encoding whose number a property has."""
        number = struct.unpack("<I", self._fixed.get(tag, b"\0" * 8)[:4])[0]
        return {0: "", 65001: "utf-8", 1200: "utf-16-le", 20127: "ascii", 28591: "latin-1", 20866: "koi8-r"}.get(
            number, f"cp{number}"
        )

    def time(self, tag: str) -> str:
        """Return a property of time in UTC, to the second; empty if there is none."""
        ticks = struct.unpack("<Q", self._fixed.get(tag, b"\0" * 8))[0]
        try:
            return f"{_EPOCH + timedelta(microseconds=ticks // 10):%Y-%m-%d %H:%M:%S} UTC" if ticks else ""
        except OverflowError:
            return ""

    def is_set(self, tag: str) -> bool:
        """Whether a property of yes or no is yes."""
        return self._fixed.get(tag, b"\0")[0] != 0

    def attachments(self) -> Iterator["_Storage"]:
        """Return the attachments, in their order."""
        for name in sorted(each for each in self._names if each.startswith(_ATTACHMENT)):
            yield self._inside(name)

    def embedded(self) -> "_Storage | None":
        """Return the message that an attachment is; None where it is a file."""
        name = f"__substg1.0_{_CONTENT}{_STORAGE}"
        return self._inside(name) if name in self._names else None

    def _inside(self, name: str) -> "_Storage":
        return _Storage(self._file, self._children, (*self.path, name), self._output)

    def _stream(self, tag: str, kind: str) -> bytes | None:
        name = f"__substg1.0_{tag}{kind}"
        return self._read(name) if name in self._names else None

    def _read(self, name: str) -> bytes:
        data = self._file.read([*self.path, name])
        self._output.count_unpacked(len(data))
        return data

    def _read_fixed(self) -> dict[str, bytes]:
        """Return the values of properties of fixed size, by their tags (MS-OXMSG, 2.4)."""
        name = "__properties_version1.0"
        if name not in self._names:
            return {}
        data = self._read(name)
        header = 32 if not self.path else 24 if self.path[-1].endswith(_STORAGE) else 8
        found = {}
        for place in range(header, len(data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            tag = struct.unpack_from("<H", data, place + 2)[0]
            found[f"{tag:04X}"] = data[place + 8 : place + 16]
        return found


def _write_message(message: _Storage, output: Output) -> None:
    output.place()
    name, address = message.text(_SENDER), message.text(_SENDER_SMTP) or message.text(_SENDER_ADDRESS)
    # Inside an organisation the address may be a path of its directory.
    shown = f"{name} <{address}>" if "@" in address and address != name else name or address
    headers = [
        ("From", shown),
        ("To", message.text(_TO)),
        ("Cc", message.text(_CC)),
        ("Date", message.time(_DATE) or message.time(_DELIVERED)),
        ("Subject", message.text(_SUBJECT)),
    ]
    write_headers([(name, " ".join(value.split())) for name, value in headers], output)
    kind = message.text(_CLASS).upper()
    if kind.startswith("IPM.NOTE.SMIME") and not kind.endswith("MULTIPARTSIGNED"):
        raise NotExtractable(
            Reason.PROTECTED,
            "The mail is encrypted or signed in a closed form. Save it without encryption and drop it again.",
        )
    _write_body(message, output)
    for attachment in message.attachments():
        output.count_entries()
        _write_attachment(attachment, output)


def _write_body(message: _Storage, output: Output) -> None:
    page = message.binary(_HTML) or message.text(_HTML).encode()
    text = message.text(_BODY)
    if page.strip():
        write_page(decoded(page, output, message.code_page(_CODE_PAGE)), output)
    elif text.strip():
        output.write(text.replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n")
    elif packed := message.binary(_RTF):
        rtf.extract(unpack(packed, output), output)


def _write_attachment(attachment: _Storage, output: Output) -> None:
    name = attachment.text(_LONG_NAME) or attachment.text(_SHORT_NAME) or attachment.text(_DISPLAY_NAME)
    embedded = attachment.embedded()
    if embedded is not None:
        _write_embedded(name or "message", embedded, output)
        return
    is_picture = attachment.text(_MEDIA_TYPE).startswith("image/")
    if attachment.is_set(_HIDDEN) or (is_picture and attachment.text(_CONTENT_ID)):
        return  # It belongs to the page.
    data = attachment.binary(_CONTENT)
    if data and output.nested:
        output.nested(name or "attachment", data, output)


def _write_embedded(name: str, message: _Storage, output: Output) -> None:
    path = f"{output.path}/{name}" if output.path else name
    if len(message.path) // 2 > output.limits.nesting:
        raise over_limit("nesting", output.limits.nesting)
    try:
        with output.within(name):
            _write_message(message, output)
    except NotExtractable as error:
        if error.reason is Reason.LIMIT:
            raise
        output.warn(problems.PART_NOT_READ.warning(part=path, reason=error.reason, detail=error.detail))
