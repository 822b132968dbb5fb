"""Compound (OLE) files, as Office wrote them before 2007 and Outlook does: named streams in storages, as in folders."""

from collections.abc import Sequence
from io import BytesIO
from types import TracebackType
from typing import Self

from .extraction import NotExtractable, Reason


class CompoundFile:
    """A compound file. Everything raises `NotExtractable` where it is damaged."""

    def __init__(self, data: bytes) -> None:
        import olefile

        self._bytes = len(data)
        try:
            self._file = olefile.OleFileIO(BytesIO(data))
            self.paths: list[list[str]] = self._file.listdir(streams=True, storages=True)
        except MemoryError:
            raise
        except Exception as error:  # It raises whatever its reading of a damaged file ends in.
            raise NotExtractable(Reason.DAMAGED, f"The file is damaged: {error}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, path: Sequence[str]) -> bool:
        """Whether there is a stream or storage of this path."""
        return bool(self._file.exists(list(path)))

    def read(self, path: Sequence[str]) -> bytes:
        """Return a stream."""
        try:
            self._check_sizes(path)
            with self._file.openstream(list(path)) as stream:
                content: bytes = stream.read()
        except MemoryError:
            raise
        except Exception as error:
            raise NotExtractable(Reason.DAMAGED, f"The file is damaged: {error}.") from error
        return content

    def _check_sizes(self, path: Sequence[str]) -> None:
        """Refuse what would be larger than the file: the stream, all small streams together, and their table.

        The library reads a chain of sectors until it has as many bytes as were announced, also where it is a circle.
        """
        file = self._file
        if max(file.get_size(list(path)), file.root.size, file.num_mini_fat_sectors * file.sector_size) > self._bytes:
            raise ValueError("a stream is larger than the file")
