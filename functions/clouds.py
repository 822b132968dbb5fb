"""The clouds of Azure: which one an address belongs to, and where its tokens come from.

Sources: azure-identity 1.27 `AzureAuthorityHosts`; `KnownDocumentIntelligenceAudience` of the Azure SDK (the audiences
of all Azure AI services; read 2026-11); "Azure Government endpoints" and "Foundry in Azure Government" on
learn.microsoft.com, "Azure China developer guide" on docs.azure.cn (read 2026-11).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of the separate clouds: an account of one means nothing in another."""

    name: str
    authority: str
    """The host that gives out tokens of Microsoft Entra ID."""
    language_scope: str
    """What a token for the Language service is asked for, with custom subdomains and Foundry addresses alike."""
    domains: tuple[str, ...]
    """Ends of the host names of Azure's services in this cloud, storage included."""
    regional_domain: str
    """End of the addresses that all resources of a region share. They accept keys, and no tokens."""
    management: str
    """The address of Azure Resource Manager ("Azure Government endpoints", "Azure China developer guide"; read
    2026-11)."""


PUBLIC = Cloud(
    "public",
    "login.microsoftonline.com",
    "https://cognitiveservices.azure.com/.default",
    (".azure.com", ".core.windows.net", ".azure.net", ".microsoft.com"),
    ".api.cognitive.microsoft.com",
    "https://management.azure.com",
)
US_GOVERNMENT = Cloud(
    "Azure Government",
    "login.microsoftonline.us",
    "https://cognitiveservices.azure.us/.default",
    (".azure.us", ".usgovcloudapi.net", ".microsoft.us"),
    ".api.cognitive.microsoft.us",
    "https://management.usgovcloudapi.net",
)
CHINA = Cloud(
    "Azure operated by 21Vianet",
    "login.chinacloudapi.cn",
    "https://cognitiveservices.azure.cn/.default",
    (".azure.cn", ".chinacloudapi.cn"),
    ".api.cognitive.azure.cn",
    "https://management.chinacloudapi.cn",
)
CLOUDS = (PUBLIC, US_GOVERNMENT, CHINA)

_OTHER_AUTHORITIES = {"login.partner.microsoftonline.cn": CHINA}
"""Further names of the hosts above (docs.azure.cn, "Check endpoints in Azure"; read 2026-11)."""


def cloud_at(host: str) -> Cloud | None:
    """Return the cloud that a host name belongs to; None for a host that is not Azure's, such as a gateway."""
    return next((cloud for cloud in CLOUDS if host.lower().endswith(cloud.domains)), None)


def cloud_of_authority(authority: str) -> Cloud | None:
    """Return the cloud of an authority as `AZURE_AUTHORITY_HOST` gives it; None for one that is not listed."""
    host = authority.strip().lower().removeprefix("https://").rstrip("/")
    named = next((cloud for cloud in CLOUDS if cloud.authority == host), None)
    return named or _OTHER_AUTHORITIES.get(host)


def is_regional(host: str) -> bool:
    """Whether this is an address that all resources of a region share."""
    return any(host.lower().endswith(cloud.regional_domain) for cloud in CLOUDS)
