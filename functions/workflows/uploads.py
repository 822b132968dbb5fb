"""Upload of a document from the page: it goes straight to the storage, by an address that is signed for it alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .. import problems
from ..core.upload_rules import BLOCK_BYTES, ONE_REQUEST_BYTES, name_fault
from ..errors import Missing
from ..problems import Refusal
from ..storage.containers import BlobInfo, is_safe
from ..storage.document_store import DocumentStore
from ..storage.upload_signer import Permission, UploadSigner

ADDRESS_LIFE = timedelta(minutes=15)
"""In which an upload has to begin, and in which every block has to be sent; then another address is asked for."""


@dataclass(frozen=True, slots=True)
class Upload:
    """How a document is sent: PUT to `address`, in blocks of `block_bytes` or, if None, whole.

    `headers` go with the request that makes the blob: the only one, or the list of blocks at the end.
    """

    name: str
    address: str
    permission: Permission
    headers: dict[str, str]
    block_bytes: int | None
    expires: datetime


@dataclass(frozen=True, slots=True)
class NotUploaded:
    """Why no address was signed; `present` is the document that is there, where that is the reason."""

    refusal: Refusal
    present: BlobInfo | None = None


class Uploads:
    """Signs addresses for uploads; `signer` is None where the app can not sign."""

    def __init__(
        self, documents: DocumentStore, signer: UploadSigner | None, largest_bytes: int, clock: Callable[[], datetime]
    ) -> None:
        self._documents = documents
        self._signer = signer
        self.largest_bytes = largest_bytes
        self._clock = clock

    @property
    def origin(self) -> str | None:
        """Where uploads go; None where the app can not sign."""
        return self._signer.origin if self._signer else None

    def begin(self, name: str, size_bytes: int, replaces: str | None) -> Upload | NotUploaded:
        """Return how a document is to be uploaded, or why not.

        A new document may be created, and nothing else: a signature that may write could replace what somebody else
        uploads meanwhile. Only a file that is too large for one request, and the replacement that a person has agreed
        to by sending the ETag of the version `replaces`, get one that may write; the headers then hold them to that
        version. Raises what the storage raises.
        """
        refusal = self._refusal(name, size_bytes)
        if refusal or self._signer is None:
            return NotUploaded(refusal or problems.UPLOADS_IMPOSSIBLE.refusal())
        present = self._present(name)
        if present and replaces is None:
            return NotUploaded(problems.DOCUMENT_EXISTS.refusal(), present)
        if replaces is not None and (present is None or present.etag != replaces):
            return NotUploaded(problems.DOCUMENT_CHANGED.refusal(), present)
        in_blocks = size_bytes > ONE_REQUEST_BYTES
        permission = Permission.WRITE if replaces or in_blocks else Permission.CREATE
        condition = {"If-Match": replaces} if replaces else {"If-None-Match": "*"}
        expires = self._clock() + ADDRESS_LIFE
        return Upload(
            name=name,
            address=self._signer.sign(name, permission, expires),
            permission=permission,
            headers=condition if in_blocks else {"x-ms-blob-type": "BlockBlob"} | condition,
            block_bytes=BLOCK_BYTES if in_blocks else None,
            expires=expires,
        )

    def _refusal(self, name: str, size_bytes: int) -> Refusal | None:
        reason = name_fault(name) or (None if is_safe(name) else "a part of the name is '.' or '..'")
        if reason:
            return problems.INVALID_NAME.refusal(reason=reason)
        if size_bytes > self.largest_bytes:
            return problems.UPLOAD_TOO_LARGE.refusal(size=size_bytes, limit=self.largest_bytes)
        return None

    def _present(self, name: str) -> BlobInfo | None:
        try:
            return self._documents.get_properties(name)
        except Missing:
            return None
