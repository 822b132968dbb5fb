"""Zip archives: their directory is judged before anything is unpacked, and what comes out is counted.

Office files, OpenDocument and EPUB are such archives too.
"""

import struct
import zipfile
import zlib
from collections.abc import Hashable, Iterator
from io import BytesIO

from .extraction import NotExtractable, Output, Reason, over_limit

_END = b"PK\x05\x06"
_END_BYTES = 22
_COMMENT_BYTES = 65_535
_RATIO_FROM = 1_000_000
"""Bytes from which the ratio counts: small members of zeros are no bombs."""
_STEP = 1 << 20
_ENCRYPTED = 0x1
_LOCAL_HEADER_BYTES = 30
_TIME = slice(10, 14)
"""Where a local header has the time at which its member was changed."""


class Archive:
    """The members of a zip archive.

    Raises `NotExtractable` if its directory is damaged or has more entries than the limit; their number is read first,
    for the library reads all of them.
    """

    def __init__(self, data: bytes, output: Output) -> None:
        self.data = data
        self._output = output
        _refuse_many_entries(data, output.limits.entries)
        try:
            self._archive = zipfile.ZipFile(BytesIO(data))
        except MemoryError:
            raise
        except Exception as error:  # It raises seven kinds.
            raise NotExtractable(Reason.DAMAGED, f"The directory of the zip archive is damaged: {error}.") from error
        self.members = self._archive.infolist()
        self._by_name = {each.filename: each for each in self.members}

    def __contains__(self, name: str) -> bool:
        """Whether there is a member of this name."""
        return name in self._by_name

    @property
    def names(self) -> list[str]:
        """The names of the members, in the order of the archive."""
        return [each.filename for each in self.members]

    def size(self, name: str) -> int:
        """Return how many bytes a member says that it unpacks to."""
        return self._by_name[name].file_size

    def packed(self, name: str) -> Hashable | None:
        """Return a member as it is packed, without its times; None where there is none of this name.

        Where two are equal, unpacking them has the same outcome.
        """
        member = self._by_name.get(name)
        if member is None:
            return None
        begin = member.header_offset
        header = self.data[begin : begin + _LOCAL_HEADER_BYTES]
        if len(header) < _LOCAL_HEADER_BYTES:
            return None
        name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
        after = begin + _LOCAL_HEADER_BYTES
        return (
            member.orig_filename, member.flag_bits, member.compress_type, member.CRC, member.file_size,
            member.compress_size, header[: _TIME.start], header[_TIME.stop :],
            self.data[after : after + name_bytes + extra_bytes + member.compress_size],
        )  # fmt: skip

    def count(self, name: str) -> None:
        """Count what a member unpacks to although it is not unpacked again."""
        self._output.count_unpacked(self.size(name))

    def read(self, name: str) -> bytes:
        """Return a member, unpacked; see `chunks`."""
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Unpack a member in steps of a megabyte.

        Raises `NotExtractable` for a member that is missing, damaged, protected, or beyond a limit.
        """
        member = self._by_name.get(name)
        if member is None:
            raise NotExtractable(Reason.DAMAGED, f"Its part {name} is missing.")
        return self.unpacked(member)

    def unpacked(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """Do what `chunks` does, for one of several members of the same name."""
        if is_encrypted(member):
            raise NotExtractable(Reason.PROTECTED, f"Its part {member.filename} needs a password.")
        limits = self._output.limits
        if member.file_size > limits.unpacked_bytes:
            raise over_limit("unpacked_bytes", limits.unpacked_bytes)
        total = 0
        try:
            with self._archive.open(member) as file:
                while part := file.read(_STEP):
                    total += len(part)
                    self._output.count_unpacked(len(part))
                    if total > max(_RATIO_FROM, limits.ratio * max(member.compress_size, 1)):
                        raise over_limit("ratio", limits.ratio)
                    yield part
        except (NotImplementedError, RuntimeError) as error:
            # Also its way to say that a password is needed.
            raise NotExtractable(Reason.UNKNOWN_FORMAT, f"It is packed in a way that is not read: {error}.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, LookupError, struct.error) as error:
            raise NotExtractable(Reason.DAMAGED, f"It cannot be unpacked: {error}.") from error
        if total != member.file_size:
            raise NotExtractable(
                Reason.DAMAGED, f"It has {total:,} bytes, but the archive says that it has {member.file_size:,}."
            )


def opened(data: bytes, output: Output) -> Archive:
    """Return the archive that a file is: one, although its format is found out first and it is read then."""
    if output.archive is None or output.archive.data is not data:
        output.archive = Archive(data, output)
    return output.archive


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Whether a member needs a password."""
    return bool(member.flag_bits & _ENCRYPTED)


def _refuse_many_entries(data: bytes, allowed: int) -> None:
    place = data.rfind(_END, max(0, len(data) - _END_BYTES - _COMMENT_BYTES))
    if place < 0 or place + _END_BYTES > len(data):
        raise NotExtractable(Reason.DAMAGED, "It is a zip archive without its end. Drop it again, whole.")
    # The count is of 16 bits; an entry needs 46 bytes of the directory at least, whose size is of 32.
    count, size = struct.unpack_from("<HI", data, place + 10)
    if count == 0xFFFF or size == 0xFFFFFFFF:
        count = data.count(b"PK\x01\x02")
    if count > allowed or min(size, len(data)) > 400 * allowed:
        raise over_limit("entries", allowed)
