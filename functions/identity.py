"""The app's identity in Microsoft Entra ID: which one, from which cloud, for what."""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .clouds import PUBLIC, Cloud, cloud_at, cloud_of_authority
from .errors import SettingsError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

AUTHORITY_HOST = "AZURE_AUTHORITY_HOST"
"""Where azure-identity itself finds the authority of a cloud; it wins over what an address suggests."""


def cloud_for(url: str) -> Cloud:
    """Return the cloud of a service's address; for a gateway's, that of `AZURE_AUTHORITY_HOST`, else the public one."""
    return cloud_at(urlsplit(url).hostname or "") or cloud_of_authority(os.environ.get(AUTHORITY_HOST, "")) or PUBLIC


def credential(client_id: str | None, url: str) -> "TokenCredential":
    """Return the credential for a service at an address: an identity of Azure, or a developer's own (`az login`).

    Without `client_id`, `DefaultAzureCredential` takes that of AZURE_CLIENT_ID, else the system-assigned identity.
    Raises `SettingsError` where the environment does not allow any credential to be made. Nothing is sent yet.
    """
    # Imported here: it takes longer to load than everything else, and with keys nobody needs it.
    from azure.identity import DefaultAzureCredential

    options: dict[str, Any] = {}
    if client_id:
        # Given as None, it would overrule AZURE_CLIENT_ID.
        options["managed_identity_client_id"] = client_id
    if not os.environ.get(AUTHORITY_HOST, "").strip():
        # A managed identity needs no authority; `az login` and service principals do.
        options["authority"] = cloud_for(url).authority
    try:
        return DefaultAzureCredential(**options)
    except Exception as error:
        # A certificate that is not there, an unknown AZURE_TOKEN_CREDENTIALS, …: azure-identity reads about twenty
        # variables, and its messages may repeat their values.
        raise SettingsError(
            [
                f"The AZURE_* variables give no usable credential for {urlsplit(url).hostname}: "
                f"{type(error).__name__} of azure-identity."
            ]
        ) from None
