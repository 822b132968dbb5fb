"""How records are stored: as JSON that says the version of its format.

During a deployment instances of two releases work on the same records. Either must be able to go on with what the
other has written, or leave it alone: a release drops the fields that it does not know when it writes a record anew.
"""

from typing import Final, TypeVar

import msgspec

from ..core.records import Record
from ..errors import NewerRecord, RecordError
from ..typed_data import from_json
from .containers import Blob, BlobInfo

VERSION: Final = 2
"""The version of the format. Records of the first release do not say any, and count as version 1.

A field that the release before may ignore and drop needs no new version. Whatever that release must not touch does:
from version 2 on, an instance leaves a record of a newer version as it is, and comes back to it later.
"""

R = TypeVar("R", bound=Record)


class _Versioned(msgspec.Struct):
    version: int = 1


def encode(record: Record) -> bytes:
    """Return what is stored of a record."""
    # Put in front of the record's own fields: taking the record apart first costs as much again as encoding it.
    fields = msgspec.json.encode(record)[1:]
    return b'{"version":%d%s%s' % (VERSION, b"" if fields == b"}" else b",", fields)


def version_metadata() -> dict[str, str]:
    """Return the metadata by which a listing tells the version; see `is_newer`."""
    return {"version": str(VERSION)}


def decode(blob: Blob, kind: type[R]) -> R:
    """Return the record in a blob.

    Raises `NewerRecord` where a newer release has written it, `RecordError` where it can not be read.
    """
    try:
        version = from_json(blob.data, _Versioned).version
        if version > VERSION:
            raise NewerRecord(blob.info.name, version, VERSION, blob.info.metadata.get("owner"))
        return from_json(blob.data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"{blob.info.name!r} is not a {kind.__name__} of this version: {error}") from error


def is_newer(info: BlobInfo) -> bool:
    """Whether a newer release has written a listed record."""
    version = info.metadata.get("version", "1")
    return version.isdecimal() and int(version) > VERSION
