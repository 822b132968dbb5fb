"""Writes compound (OLE) files, which no kept library does (MS-CFB); small streams only."""

import struct
from collections.abc import Mapping
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]

_SECTOR, _MINI = 512, 64
_END, _FREE, _FAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_STORAGE, _STREAM, _ROOT = 1, 2, 5


class _Writer:
    def __init__(self) -> None:
        self.entries: list[list[int | str]] = []
        self.mini = bytearray()
        self.mini_fat: list[int] = []

    def add(self, name: str, content: "bytes | Tree", kind: int) -> int:
        """Add an entry and what is in it; return its number."""
        number = len(self.entries)
        entry: list[int | str] = [name, kind, _FREE, _FREE, _FREE, _END, 0]
        self.entries.append(entry)
        if isinstance(content, bytes):
            if content:
                entry[5] = len(self.mini) // _MINI
            entry[6] = len(content)
            count = -(-len(content) // _MINI)
            self.mini += content.ljust(count * _MINI, b"\0")
            first = len(self.mini_fat)
            self.mini_fat += [*range(first + 1, first + count), _END] if count else []
            return number
        before: int | None = None
        for child_name, child in content.items():
            child_kind = _STREAM if isinstance(child, bytes) else _STORAGE
            child_number = self.add(child_name, child, child_kind)
            # A list instead of a balanced tree: each is the right neighbour of the one before.
            if before is None:
                entry[4] = child_number
            else:
                self.entries[before][3] = child_number
            before = child_number
        return number


def compound_file(tree: Tree) -> bytes:
    """Return a file of the streams and storages of a tree."""
    writer = _Writer()
    writer.add("Root Entry", tree, _ROOT)
    mini = _in_sectors(bytes(writer.mini), b"\0")
    directory = _in_sectors(b"", b"\0")
    mini_fat = _in_sectors(struct.pack(f"<{len(writer.mini_fat)}I", *writer.mini_fat), b"\xff")
    while len(writer.entries) % 4:
        writer.entries.append(["", 0, _FREE, _FREE, _FREE, 0, 0])
    # Order of the sectors: directory, mini stream, its table, the table of sectors.
    directory_count = len(writer.entries) // 4
    mini_start = directory_count
    mini_fat_start = mini_start + len(mini) // _SECTOR
    fat_start = mini_fat_start + len(mini_fat) // _SECTOR
    fat_count = -(-(fat_start + 1) // (_SECTOR // 4 - 1))
    writer.entries[0][5], writer.entries[0][6] = (mini_start if mini else _END), len(writer.mini)
    directory = b"".join(_entry(*each) for each in writer.entries)
    fat: list[int] = []
    for start, end in ((0, mini_start), (mini_start, mini_fat_start), (mini_fat_start, fat_start)):
        fat += [*range(start + 1, end), _END] if end > start else []
    fat += [_FAT_SECTOR] * fat_count
    fat += [_FREE] * (fat_count * _SECTOR // 4 - len(fat))
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6,
        0, fat_count, 0, 0, 4096, mini_fat_start if mini_fat else _END, len(mini_fat) // _SECTOR, _END, 0,
    )  # fmt: skip
    places = [*range(fat_start, fat_start + fat_count)]
    header += struct.pack("<109I", *places, *[_FREE] * (109 - fat_count))
    return header + directory + mini + mini_fat + struct.pack(f"<{len(fat)}I", *fat)


def _in_sectors(data: bytes, filler: bytes) -> bytes:
    return data.ljust(-(-len(data) // _SECTOR) * _SECTOR, filler)


def _entry(name: str, kind: int, left: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")
    name_bytes = len(encoded) + 2 if name else 0
    return struct.pack(
        "<64sHBBIII16sIQQIQ", encoded, name_bytes, kind, 1, left, right, child, b"", 0, 0, 0, start, size
    )
