"""The names of blobs that belong to a document: the document's own name with something before and behind it."""

import hashlib
import re

from ..text.offsets import UTF16, length

_SHORTENED = re.compile(r"~[0-9a-f]{16}((\.[A-Za-z0-9-]+){1,2}\.(json|txt))?$")

LONGEST_BLOB_NAME = 1024
"""Characters in a blob's name ("Naming and Referencing Containers, Blobs, and Metadata", read 2026-11), taken for
UTF-16 code units: the page does not say, and a name that is short in those is short in any unit."""


LONGEST_VERSION = 40
"""Characters of an ETag in a name; those of the storage have fewer."""


def fitting_name(prefix: str, document: str, suffix: str) -> str:
    """Return a blob name made of a document's; the last few of the longest possible names make room by a digest."""
    name = prefix + document + suffix
    if length(name, UTF16) <= LONGEST_BLOB_NAME:
        return name
    digest = hashlib.sha256(document.encode()).hexdigest()[:16]
    ending = f"~{digest}{suffix}"
    # A character takes one unit or two: take off what is too much, counting from one each.
    kept = (prefix + document)[: LONGEST_BLOB_NAME - len(ending)]
    while length(kept, UTF16) > LONGEST_BLOB_NAME - len(ending):
        kept = kept[:-1]
    return kept + ending


def plain_version(etag: str) -> str:
    """Return the ETag of a version as names have it: letters, digits and hyphens, at most 40 of them."""
    plain = "".join(character if character.isalnum() else "-" for character in etag).strip("-")
    return plain[:LONGEST_VERSION] or "unknown"


def version_name(document: str, etag: str) -> str:
    """Return what a version of a document is called beside the newest one: `a.txt (version 0x8DC2F1B45A3E210)`."""
    return f"{document} (version {plain_version(etag)})"


def is_shortened(name: str) -> bool:
    """Whether `fitting_name` had to shorten a name, so that the document's own name can not be read from it."""
    return length(name, UTF16) >= LONGEST_BLOB_NAME - 1 and bool(_SHORTENED.search(name))
