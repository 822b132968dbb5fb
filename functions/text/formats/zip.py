"""Zip archives whose members are files of any format; and, for the formats that are zip archives, which one it is.

The directory is judged before anything is unpacked: how many entries it has, what they say they unpack to, and whether
they share bytes.
"""

import struct
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO

from .extraction import NotExtractable, Output, Reason, over_limit
from .recognition import format_of_archive

_END = b"PK\x05\x06"
_END_BYTES = 22
_COMMENT_BYTES = 65_535
_RATIO_FROM = 1_000_000
"""Bytes from which the ratio counts: small members of zeros are no bombs."""
_STEP = 1 << 20
_ENCRYPTED = 0x1
_BY_OTHERS = ("__MACOSX/", ".DS_Store", "Thumbs.db")
"""What systems put into archives beside the files."""


def format_of(data: bytes, output: Output) -> str:
    """Return the format of a zip archive, by its members' names."""
    with _opened(data, output) as archive:
        names = archive.namelist()
        kind = ""
        if names and "mimetype" in names[:3] and archive.getinfo("mimetype").file_size < 200:
            kind = _read(archive, archive.getinfo("mimetype"), output).decode("ascii", "replace").strip()
    return format_of_archive(names, kind)


def extract(data: bytes, output: Output) -> None:
    """Write the text of each member that has one, in the order of the archive; the others become warnings."""
    if output.nested is None:
        return
    with _opened(data, output) as archive:
        members = [each for each in archive.infolist() if not each.is_dir() and not _is_by_system(each.filename)]
        output.count_entries(len(members))
        _refuse_overlaps(members)
        if members and all(each.flag_bits & _ENCRYPTED for each in members):
            raise NotExtractable(
                Reason.PROTECTED, "It is an archive with a password. Drop the files in it without an archive."
            )
        for member in members:
            if member.flag_bits & _ENCRYPTED:
                output.warn("PartNotRead", f"{member.filename} was left out (protected): it needs a password.")
                continue
            try:
                content = _read(archive, member, output)
            except NotExtractable as error:
                if error.reason is Reason.LIMIT:
                    raise
                output.warn("PartNotRead", f"{member.filename} was left out ({error.reason}): {error.detail}")
                continue
            output.nested(member.filename, content, output)


def _is_by_system(name: str) -> bool:
    return name.startswith(_BY_OTHERS[0]) or name.rpartition("/")[2] in _BY_OTHERS[1:]


def _opened(data: bytes, output: Output) -> zipfile.ZipFile:
    """Open an archive; the number of its entries is read first, for the library reads all of them."""
    place = data.rfind(_END, max(0, len(data) - _END_BYTES - _COMMENT_BYTES))
    if place < 0 or place + _END_BYTES > len(data):
        raise NotExtractable(Reason.DAMAGED, "It is a zip archive without its end. Drop it again, whole.")
    # The count is of 16 bits; an entry needs 46 bytes of the directory at least, whose size is of 32.
    count, size = struct.unpack_from("<HI", data, place + 10)
    if count == 0xFFFF or size == 0xFFFFFFFF:
        count = data.count(b"PK\x01\x02")
    if max(count, 0) > output.limits.entries or min(size, len(data)) > 400 * output.limits.entries:
        raise over_limit("entries", output.limits.entries)
    try:
        return zipfile.ZipFile(BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # It raises seven kinds.
        raise NotExtractable(Reason.DAMAGED, f"The directory of the zip archive is damaged: {error}.") from error


def _refuse_overlaps(members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse members that share bytes: many large ones can be packed into the same few."""
    end = -1
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < end:
            raise NotExtractable(Reason.DAMAGED, f"Members of the archive overlap, {member.filename} with another.")
        end = member.header_offset + member.compress_size


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, output: Output) -> bytes:
    """Unpack a member, and count what really comes out of it."""
    limits = output.limits
    if member.file_size > limits.unpacked_bytes:
        raise over_limit("unpacked_bytes", limits.unpacked_bytes)
    parts: list[bytes] = []
    total = 0
    try:
        with archive.open(member) as file:
            while part := file.read(_STEP):
                total += len(part)
                output.count_unpacked(len(part))
                if total > max(_RATIO_FROM, limits.ratio * max(member.compress_size, 1)):
                    raise over_limit("ratio", limits.ratio)
                parts.append(part)
    except (NotExtractable, MemoryError):
        raise
    except (NotImplementedError, RuntimeError) as error:
        # Also its way to say that a password is needed.
        raise NotExtractable(Reason.UNKNOWN_FORMAT, f"It is packed in a way that is not read: {error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, LookupError, struct.error) as error:
        raise NotExtractable(Reason.DAMAGED, f"It cannot be unpacked: {error}.") from error
    if total != member.file_size:
        raise NotExtractable(
            Reason.DAMAGED, f"It has {total:,} bytes, but the archive says that it has {member.file_size:,}."
        )
    return b"".join(parts)
