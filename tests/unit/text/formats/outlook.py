"""The streams of an Outlook mail (MS-OXMSG), for `compound_file`."""

import struct
from datetime import UTC, datetime

from .compound_file import Tree


def properties(header: int, **values: bytes) -> bytes:
    entries = (struct.pack("<HHI8s", 0, int(tag[1:], 16), 6, value) for tag, value in values.items())
    return bytes(header) + b"".join(entries)


def texts(**values: str) -> dict[str, bytes]:
    return {f"__substg1.0_{tag[1:]}001F": value.encode("utf-16-le") for tag, value in values.items()}


SENT = datetime(2025, 5, 12, 8, tzinfo=UTC)
TICKS = int((SENT - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7
SUBJECT = texts(p0C1A="Zoë Müller", p5D01="zoe@example.com", p0E04="Jonas Lie", p0037="Invoice")


def message(**streams: "bytes | Tree") -> Tree:
    fixed = properties(32, p0039=struct.pack("<Q", TICKS), p3FDE=struct.pack("<Q", 1252))
    return {"__properties_version1.0": fixed, **SUBJECT, **streams}
