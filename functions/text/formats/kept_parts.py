"""What parts of Office files say, kept for the next file.

Documents made from one template have the same styles, lists and relations to other parts, byte by byte as they are
packed. To unpack and read those again takes most of a small document's time.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class KeptParts:
    """Keeps what was read; what was used longest ago goes first. Not safe for threads.

    `max_bytes` bounds the unpacked size of all parts that are kept, `max_part_bytes` that of one.
    """

    def __init__(self, max_bytes: int = 8_000_000, max_part_bytes: int = 1_000_000) -> None:
        self._max_bytes = max_bytes
        self._max_part_bytes = max_part_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, size: int, read: Callable[[], T]) -> tuple[T, bool]:
        """Return what is kept under a key, or else what `read` returns; and whether it was kept.

        It must not be changed. What `read` raises is kept nowhere.
        """
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known[0], True
        found = read()
        if size <= self._max_part_bytes:
            self._kept[key] = found, size
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return found, False
