"""Zip archives whose members are files of any format; and, for the formats that are zip archives, which one it is."""

from collections.abc import Sequence
from zipfile import ZipInfo

from ... import problems
from .archives import is_encrypted, opened
from .extraction import NotExtractable, Output, Reason
from .recognition import format_of_archive

_BY_OTHERS = ("__MACOSX/", ".DS_Store", "Thumbs.db")
"""What systems put into archives beside the files."""


def format_of(data: bytes, output: Output) -> str:
    """Return the format of a zip archive, by its members' names."""
    archive = opened(data, output)
    names = archive.names
    kind = ""
    if "mimetype" in names[:3] and archive.size("mimetype") < 200:
        kind = archive.read("mimetype").decode("ascii", "replace").strip()
    return format_of_archive(names, kind)


def extract(data: bytes, output: Output) -> None:
    """Write the text of each member that has one, in the order of the archive; the others become warnings."""
    if output.nested is None:
        return
    archive = opened(data, output)
    members = [each for each in archive.members if not each.is_dir() and not _is_by_system(each.filename)]
    output.count_entries(len(members))
    _refuse_overlaps(members)
    if members and all(is_encrypted(each) for each in members):
        raise NotExtractable(
            Reason.PROTECTED, "It is an archive with a password. Drop the files in it without an archive."
        )
    for member in members:
        try:
            content = b"".join(archive.unpacked(member))
        except NotExtractable as error:
            if error.reason is Reason.LIMIT:
                raise
            output.warn(problems.PART_NOT_READ.warning(part=member.filename, reason=error.reason, detail=error.detail))
            continue
        output.nested(member.filename, content, output)


def _is_by_system(name: str) -> bool:
    return name.startswith(_BY_OTHERS[0]) or name.rpartition("/")[2] in _BY_OTHERS[1:]


def _refuse_overlaps(members: Sequence[ZipInfo]) -> None:
    """Refuse members that share bytes: many large ones can be packed into the same few."""
    end = -1
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < end:
            raise NotExtractable(Reason.DAMAGED, f"Members of the archive overlap, {member.filename} with another.")
        end = member.header_offset + member.compress_size
