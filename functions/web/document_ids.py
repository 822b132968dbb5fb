"""Documents in addresses: an id is the name in UTF-8, as base64url without padding (RFC 4648, 5).

A name itself can not stand in a path: the Functions host and the adapter of its library undo escapes twice, so that
`a%2Fb` would be taken for `a/b`, and resolve dots. The id of the longest names fits into an address, where their
escapes would not.
"""

import base64
import binascii

from ..core.names import LONGEST_BLOB_NAME

LONGEST_ID = 4 * LONGEST_BLOB_NAME
"""Three bytes of UTF-8 for each UTF-16 code unit at most, and four characters for three bytes."""


def id_of(name: str) -> str:
    """Return the id of a document."""
    return base64.urlsafe_b64encode(name.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


def name_of(document_id: str) -> str | None:
    """Return the name that an id stands for; None where it is not the id of any name."""
    if not document_id or len(document_id) > LONGEST_ID:
        return None
    try:
        name = base64.b64decode(document_id + "=" * (-len(document_id) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    # One name has one id.
    return name if id_of(name) == document_id else None
