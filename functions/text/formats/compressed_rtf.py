"""The RTF of Outlook mails, which is compressed by a scheme of its own (MS-OXRTFCP, 2.1.3 and 2.2.2)."""

import struct

from .extraction import NotExtractable, Output, Reason

_COMPRESSED, _STORED = 0x75465A4C, 0x414C454D
_HEADER_BYTES = 16
_WINDOW = 4_096
_PRESET = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the window holds at the beginning."""


def unpack(data: bytes, output: Output) -> bytes:
    """Return the RTF. What comes after damage is left out."""
    if len(data) < _HEADER_BYTES:
        raise NotExtractable(Reason.DAMAGED, "The RTF of the mail is damaged.")
    raw_size, kind = struct.unpack_from("<II", data, 4)
    if kind == _STORED:
        return data[_HEADER_BYTES : _HEADER_BYTES + raw_size]
    if kind != _COMPRESSED:
        raise NotExtractable(Reason.DAMAGED, "The RTF of the mail is packed in a way that is not known.")
    output.count_unpacked(raw_size)
    window = bytearray(_PRESET.ljust(_WINDOW, b"\0"))
    write = len(_PRESET)
    found = bytearray()
    place = _HEADER_BYTES
    while place < len(data) and len(found) < raw_size:
        control = data[place]
        place += 1
        for bit in range(8):
            if place + (control >> bit & 1) >= len(data):
                return bytes(found)
            if control >> bit & 1:
                token = data[place] << 8 | data[place + 1]
                place += 2
                offset, length = token >> 4, (token & 0xF) + 2
                if offset == write:
                    return bytes(found)
                for index in range(offset, offset + length):
                    byte = window[index % _WINDOW]
                    found.append(byte)
                    window[write] = byte
                    write = (write + 1) % _WINDOW
            else:
                byte = data[place]
                place += 1
                found.append(byte)
                window[write] = byte
                write = (write + 1) % _WINDOW
    return bytes(found)
