"""Keeps on this machine how far a long command has come, so that the same command goes on after an interruption."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from ..core.records import Record
from ..errors import EntityDropError
from ..typed_data import from_json

P = TypeVar("P", bound=Record)


class ProgressUnreadable(EntityDropError):
    """A progress file that can not be read or written."""


class ProgressFile(Generic[P]):
    """The progress of one command with its options, in a file of its own that is always whole."""

    def __init__(self, path: Path, kind: type[P]) -> None:
        self.path = path
        self._kind = kind

    def load(self) -> P | None:
        """Return what an interrupted command has kept; None where there is nothing. Raises `ProgressUnreadable`."""
        try:
            return from_json(self.path.read_bytes(), self._kind)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise ProgressUnreadable(
                f"{self.path}, which says how far an interrupted command has come, can not be read "
                f"({type(error).__name__}). Delete it to begin anew."
            ) from error

    def save(self, progress: P) -> None:
        """Keep how far the command has come. Raises `ProgressUnreadable`."""
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(progress))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            raise ProgressUnreadable(
                f"How far this command has come can not be kept in {self.path} ({error.strerror}). "
                "Name another file with --progress."
            ) from error

    def delete(self) -> None:
        """Forget it: the command has come to its end."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def file_name(command: str, parts: Sequence[object]) -> str:
    """Return the name of the progress file of a command with its options: the same for the same, and no other."""
    digest = hashlib.sha256(repr(tuple(parts)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{command}-{digest}.json"
