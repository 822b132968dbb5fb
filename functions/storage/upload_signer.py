"""Signs addresses by which a browser puts one blob into the intake container, and does nothing else there.

With an identity the signature is a user delegation SAS, with an account key (the emulator) a service SAS; the address
differs in nothing that a client looks at ("Create a user delegation SAS", "Create a service SAS", learn.microsoft.com,
read 2026-11). It holds for exactly one name, and neither for a size nor for a content: those are checked at intake.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ..redaction import redacted_errors
from .containers import check_name

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, UserDelegationKey

KEY_LIFE = timedelta(hours=6)
"""Of a user delegation key, which one instance uses for all its signatures; the service allows seven days."""

KEY_RENEWED = timedelta(hours=1)
"""So long before its end a key is not used any more: a signature never outlives its key."""

CLOCKS_APART = timedelta(minutes=15)
"""A key begins so much earlier, because the clocks of app and storage differ. A signature has no beginning at all."""


class Permission(StrEnum):
    """What a signature allows, in the service's own letters."""

    CREATE = "c"
    """One request that writes a new blob; where one is there, it is refused by the service, whatever is sent."""
    WRITE = "w"
    """Writes the blob, whole or in blocks, over what is there."""


class UploadSigner(Protocol):
    """Makes signed addresses for the intake container."""

    @property
    def origin(self) -> str:
        """Where the addresses lead, as browsers write an origin: `https://account.blob.core.windows.net`."""

    def sign(self, name: str, permission: Permission, expires: datetime) -> str:
        """Return the signed address of one blob. Raises `UnsafeName`, and what the storage raises."""


class AzureUploadSigner:
    """Signs for a container of Azure Storage, or of an emulator of it."""

    def __init__(
        self, connect: Callable[[], "BlobServiceClient"], container: str, clock: Callable[[], datetime]
    ) -> None:
        self._connect = connect
        self._container = container
        self._clock = clock
        self._lock = threading.Lock()
        self._key: UserDelegationKey | None = None
        self._key_ends: datetime | None = None

    @cached_property
    def _service(self) -> "BlobServiceClient":
        """Made at the first address: most instances never sign one."""
        return self._connect()

    @property
    def origin(self) -> str:
        parts = urlsplit(self._service.url)
        return f"{parts.scheme}://{parts.netloc}"

    def sign(self, name: str, permission: Permission, expires: datetime) -> str:
        """Return the signed address of one blob; see `UploadSigner`."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        address = self._service.get_blob_client(self._container, check_name(name)).url
        with redacted_errors():
            signature = generate_blob_sas(
                self._account_name,
                self._container,
                name,
                permission=BlobSasPermissions.from_string(permission.value),
                expiry=expires,
                protocol="https" if address.startswith("https://") else None,
                **self._signing_key(),
            )
        return f"{address}?{signature}"

    @property
    def _account_name(self) -> str:
        # The client does not know it where the address has a zone: <account>.z01.blob.storage.azure.net.
        return str(self._service.account_name or (urlsplit(self._service.url).hostname or "").partition(".")[0])

    def _signing_key(self) -> dict[str, Any]:
        # What the client holds for an account key; for an identity it has no such field.
        account_key = getattr(self._service.credential, "account_key", None)
        if account_key:
            return {"account_key": account_key}
        return {"user_delegation_key": self._delegation_key()}

    def _delegation_key(self) -> "UserDelegationKey":
        with self._lock:
            now = self._clock()
            if self._key is None or self._key_ends is None or now > self._key_ends - KEY_RENEWED:
                ends = now + KEY_LIFE
                self._key = self._service.get_user_delegation_key(now - CLOCKS_APART, ends)
                self._key_ends = ends
            return self._key
