"""Under which file name a result is kept, on whatever file system: pure functions, the same on every machine.

Blob names may be nearly anything; file names may not, and what is refused differs from system to system. The rules of
all systems are applied on each, so that a name is the same whoever writes it:

- A segment that some system refuses, changes or takes for something else is **escaped**: characters that are refused
  become `%XX` (their UTF-8 bytes), the rest is cut to a length that fits, and `~` with 16 hexadecimal digits of a
  SHA-256 follows. The digest, not the readable part, keeps two names apart.
- Names that some system takes for one file (`A.txt` and `a.txt`, one letter spelt in two ways), and a name that is also
  the folder of another, are all escaped, with a digest of the whole name.
- A name that looks escaped is escaped itself, so no plain name ever meets an escaped one.

Limits of file systems: 255 bytes (Linux) or UTF-16 units (Windows, macOS) for a segment; 4,096 bytes (Linux), 1,024
(macOS) for a path. Names refused by Windows: learn.microsoft.com, "Naming Files, Paths, and Namespaces" (read November
2026).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from functions.core.documents import ENTITIES_SUFFIX, ERROR_SUFFIX

RESULT_SUFFIXES = (ENTITIES_SUFFIX, ERROR_SUFFIX)

MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 700
"""The longest path within the folder; the rest of macOS' 1,024 is left to the folder itself."""

_READABLE_BYTES = 120
"""How much of a name is kept, as something to recognise it by, when it is escaped."""

_DIGEST_LENGTH = 16
_ESCAPED = re.compile(rf"~[0-9a-f]{{{_DIGEST_LENGTH}}}\Z", re.IGNORECASE)
_REFUSED = frozenset('<>:"|?*\\/')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\Z", re.IGNORECASE)


def local_paths(names: Iterable[str]) -> dict[str, PurePosixPath]:
    """Return the relative path of the file for each of these results; no two are the same file on any system.

    A name whose segments are fine everywhere, and that no other name is taken for, keeps its path.
    """
    names = set(names)
    plain = {name: path for name in names if (path := _plain_path(name)) is not None}
    escaped = {name: escaped_path(name) for name in names}
    files = Counter(_fold(str(path)) for path in plain.values())
    folders = {_fold(str(folder)) for path in (*plain.values(), *escaped.values()) for folder in path.parents}

    def is_alone(name: str) -> bool:
        if name not in plain:
            return False
        key = _fold(str(plain[name]))
        return files[key] == 1 and key not in folders

    return {name: plain[name] if is_alone(name) else escaped[name] for name in names}


def escaped_path(name: str) -> PurePosixPath:
    """Return a path for a result that cannot have its own: in the same folder where that fits, else at the top."""
    *folders, last = name.split("/")
    file = _escaped(last, digest_of=f"name {name}")
    path = PurePosixPath(*map(_folder, folders), file)
    return path if len(str(path).encode()) <= MAX_PATH_BYTES else PurePosixPath(file)


def is_safe(segment: str) -> bool:
    """Tell whether every file system keeps a segment of a path as it is and takes it for nothing else."""
    return (
        segment not in ("", ".", "..")
        and not any(map(_is_refused, segment))
        and not segment.endswith((".", " "))
        and not segment.startswith(" ")
        and not _DEVICE.match(segment.partition(".")[0].rstrip(" "))
        and not _ESCAPED.search(_without_suffix(_fold(segment))[0])
        and _longest(segment) <= MAX_SEGMENT_BYTES
    )


def _plain_path(name: str) -> PurePosixPath | None:
    segments = name.split("/")
    if not is_safe(segments[-1]):
        return None
    path = PurePosixPath(*map(_folder, segments[:-1]), segments[-1])
    return path if len(str(path).encode()) <= MAX_PATH_BYTES else None


def _folder(segment: str) -> str:
    return segment if is_safe(segment) else _escaped(segment, digest_of=f"folder {segment}")


def _escaped(segment: str, *, digest_of: str) -> str:
    stem, suffix = _without_suffix(segment)
    digest = hashlib.sha256(digest_of.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    readable = ""
    for char in stem:
        written = _percent(char) if _is_refused(char) or char == "%" else char
        if _longest(readable + written) > _READABLE_BYTES:
            break
        readable += written
    # The name of a device counts even with more behind it if a dot comes first: "con.x~0123" is the console.
    if _DEVICE.match(readable.partition(".")[0].rstrip(" ")) or readable.startswith((" ", ".")):
        readable = _percent(readable[0]) + readable[1:]
    return f"{readable}~{digest}{suffix}"


def _without_suffix(segment: str) -> tuple[str, str]:
    """Split a segment before the suffix of a result, which stays readable: the suffix is empty where there is none."""
    for suffix in RESULT_SUFFIXES:
        if segment.lower().endswith(suffix):
            return segment[: -len(suffix)], segment[-len(suffix) :]
    return segment, ""


def _is_refused(char: str) -> bool:
    """Tell whether some system refuses a character: punctuation of Windows, controls, and what is no character."""
    point = ord(char)
    is_noncharacter = 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE
    return char in _REFUSED or is_noncharacter or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _longest(segment: str) -> int:
    """Count the bytes of a segment in the longest spelling that a system gives it: macOS takes letters and marks apart.

    There are never more UTF-16 units than bytes.
    """
    return max(len(spelling.encode()) for spelling in (segment, unicodedata.normalize("NFD", segment)))


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _fold(text: str) -> str:
    """Return what two names have in common that some system takes for one.

    Case, the spelling of letters with marks, and characters that show nothing make no difference. Rather too much is
    taken for the same than too little: that costs a longer name.
    """
    text = unicodedata.normalize("NFD", text)
    for _ in range(2):  # folding may give letters that have a case, or marks, once more
        text = unicodedata.normalize("NFKD", text.upper().casefold())
    return "".join(char for char in text if unicodedata.category(char) != "Cf")
