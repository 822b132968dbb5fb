"""How the app reaches its storage account, checked before any client is made.

Two programs read these settings, and both must understand them alike: the app's clients (azure-storage-blob and
azure-storage-queue, `parse_connection_str`) and the Functions host's (`StorageConnectionString.cs` of
Azure/azure-sdk-for-net, read 2026-11). What either would refuse, or the two would read differently, is refused here.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from .addresses import Address, is_loopback, is_private, parse_address
from .secret import Secret, shown

NAME = "DocumentStorage"
"""The connection's name, as triggers and bindings give it too."""

BLOB_URI = f"{NAME}__blobServiceUri"
QUEUE_URI = f"{NAME}__queueServiceUri"
CREDENTIAL = f"{NAME}__credential"
CLIENT_ID = f"{NAME}__clientId"
MANAGED_IDENTITY = "managedidentity"
"""The only value of `__credential` that the app's own clients know (Functions docs, "Common properties for
identity-based connections"; read 2026-11)."""

GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
DEFAULT_SUFFIX = "core.windows.net"

_SERVICE_HOST = re.compile(
    r"(?P<account>[a-z0-9]{3,24})(-secondary)?\.(z\d+\.)?(?P<service>blob|queue|table|file|dfs)\."
)
"""Hosts of the storage services: "Storage account overview", standard and DNS zone endpoints (read 2026-11)."""


@dataclass(frozen=True, slots=True)
class StorageConnection:
    """How to reach the storage account: a connection string, or the two service addresses and an identity."""

    connection_string: Secret | None = None
    blob_service_uri: str | None = None
    queue_service_uri: str | None = None
    credential: str | None = None
    client_id: str | None = None


def read_storage_connection(environ: Mapping[str, str]) -> tuple[StorageConnection, list[str]]:
    """Return the connection of the app settings, and everything that is wrong with it, a sentence each."""
    given = {name: environ.get(name, "") for name in (NAME, BLOB_URI, QUEUE_URI, CREDENTIAL, CLIENT_ID)}
    # The host reads the same settings untrimmed, so blanks that would break its connection are not trimmed here.
    problems = [
        f"{name} has blanks or line breaks around its value (not shown); the Functions host would read them too."
        for name, text in given.items()
        if text.strip() != text and text.strip()
    ]
    given = {name: text.strip() for name, text in given.items()}
    identity = [name for name in (BLOB_URI, QUEUE_URI, CREDENTIAL, CLIENT_ID) if given[name]]
    if given[NAME]:
        if identity:
            problems.append(
                f"{NAME} and {' and '.join(identity)} are both set; the Functions host and the app would not agree "
                "which of them counts. Remove one of the two forms."
            )
        problems += [
            f"{NAME} is not a usable storage connection string (value not shown): {reason}."
            for reason in _connection_string_problems(given[NAME])
        ]
        return StorageConnection(connection_string=Secret(given[NAME])), problems
    problems += _identity_problems(given)
    return (
        StorageConnection(
            blob_service_uri=given[BLOB_URI] or None,
            queue_service_uri=given[QUEUE_URI] or None,
            credential=given[CREDENTIAL] or None,
            client_id=given[CLIENT_ID] or None,
        ),
        problems,
    )


# --- The identity form ---


def _identity_problems(given: Mapping[str, str]) -> list[str]:
    if not given[BLOB_URI] and not given[QUEUE_URI]:
        return [f"{NAME} is missing: set a connection string, or {BLOB_URI} and {QUEUE_URI} to use an identity."]
    problems = []
    addresses = {}
    for name, service in ((BLOB_URI, "blob"), (QUEUE_URI, "queue")):
        if not given[name]:
            problems.append(f"{name} is missing: the identity form needs the blob and the queue address.")
            continue
        try:
            address = _service_address(given[name], service)
            if address.scheme != "https":
                raise ValueError("a token travels over https only")
            addresses[service] = address
        except ValueError as error:
            problems.append(
                f"{name} is {shown(given[name])}; expected is an address like https://<account>.{service}."
                f"{DEFAULT_SUFFIX} ({error})."
            )
    if len(addresses) == 2:
        problems += [f"{BLOB_URI} and {QUEUE_URI}: {reason}." for reason in _account_problems(addresses)]
    if given[CREDENTIAL] and given[CREDENTIAL].lower() != MANAGED_IDENTITY:
        problems.append(f"{CREDENTIAL} is {shown(given[CREDENTIAL])}; expected is {MANAGED_IDENTITY}, or nothing.")
    if given[CLIENT_ID] and not GUID.fullmatch(given[CLIENT_ID]):
        problems.append(
            f"{CLIENT_ID} is {shown(given[CLIENT_ID])}; expected is the client id of a managed identity, such as "
            "00000000-0000-0000-0000-000000000000."
        )
    return problems


# --- The connection string ---


def _connection_string_problems(text: str) -> list[str]:
    try:
        parts = _parts(text)
    except ValueError as error:
        return [str(error)]
    if "usedevelopmentstorage" in parts:
        return _development_storage_problems(parts)
    problems = [f"{key} has no value" for key in _KNOWN if parts.get(key.lower()) == ""]
    if problems:
        return problems
    problems = _credential_problems(parts)
    try:
        addresses = {service: _endpoint(parts, service) for service in ("blob", "queue")}
    except ValueError as error:
        return [*problems, str(error)]
    problems += _account_problems(addresses, parts.get("accountname"))
    if "sharedaccesssignature" in parts:
        problems += [
            f"the {service} endpoint would send the shared access signature over plain http"
            for service, address in addresses.items()
            if address.scheme == "http" and not is_private(address.host) and not is_loopback(address.host)
        ]
    return problems


_KNOWN = (
    "DefaultEndpointsProtocol",
    "AccountName",
    "AccountKey",
    "SharedAccessSignature",
    "EndpointSuffix",
    "BlobEndpoint",
    "QueueEndpoint",
    "BlobSecondaryEndpoint",
    "QueueSecondaryEndpoint",
)
"""The parts that the app's clients use; others, such as `TableEndpoint`, are not checked."""


def _parts(text: str) -> dict[str, str]:
    if not re.fullmatch(r"[ -~]+", text):
        raise ValueError("it has line breaks or characters that are not printable ASCII")
    if re.search(r"[\"'<>]", text):
        raise ValueError("it has quotes or angle brackets; paste only what stands between them")
    parts: dict[str, str] = {}
    for chunk in text.rstrip(";").split(";"):
        key, separator, value = chunk.partition("=")
        if not separator or not key:
            raise ValueError("it has a part without a name and '='")
        if " " in chunk:
            raise ValueError("it has blanks")
        if key.lower() in parts:
            raise ValueError("one of its parts is given twice")
        parts[key.lower()] = value
    return parts


def _development_storage_problems(parts: Mapping[str, str]) -> list[str]:
    if parts["usedevelopmentstorage"] != "true":
        return ["UseDevelopmentStorage can only be 'true', in lower case"]
    if "developmentstorageproxyuri" in parts:
        return [
            "the app's clients do not know DevelopmentStorageProxyUri and would look for the emulator on this machine; "
            "name it with AccountName, AccountKey, BlobEndpoint and QueueEndpoint"
        ]
    return ["UseDevelopmentStorage stands alone, or what stands beside it is ignored"] if len(parts) > 1 else []


def _credential_problems(parts: Mapping[str, str]) -> list[str]:
    key, sas = parts.get("accountkey"), parts.get("sharedaccesssignature")
    if key is None and sas is None:
        return ["it has neither AccountKey nor SharedAccessSignature"]
    if key is not None and sas is not None:
        return ["it has AccountKey and SharedAccessSignature; only one of them can count"]
    if key is None:
        return _signature_problems(str(sas))
    problems = [] if "accountname" in parts else ["it has AccountKey without AccountName"]
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error:
        problems.append("its AccountKey is cut off or altered (not base64)")
    return problems


_SIGNATURE_FIELDS = frozenset(("sv", "ss", "srt", "sp", "st", "se", "sip", "spr", "ses", "sig"))
"""The fields of an account SAS ("Create an account SAS", learn.microsoft.com, read 2026-11). With any field that they
do not know, the app's clients take the whole signature for an account key."""


def _signature_problems(sas: str) -> list[str]:
    pairs = parse_qsl(sas.removeprefix("?"), keep_blank_values=True)
    fields = dict(pairs)
    if not fields.get("sig"):
        return ["its SharedAccessSignature is cut off or altered (no 'sig')"]
    if "sr" in fields or not {"b", "q"} <= set(fields.get("ss", "")):
        return ["its SharedAccessSignature is not one of the account for blobs and queues (ss=bq)"]
    if not {"c", "o"} <= set(fields.get("srt", "")):
        return ["its SharedAccessSignature does not cover containers and objects (srt=co)"]
    if not fields.get("se"):
        return ["its SharedAccessSignature has no expiry ('se')"]
    if not fields.keys() <= _SIGNATURE_FIELDS or len(fields) < len(pairs) or re.search(r"[?#&]{2}|[?#]", sas[1:]):
        return ["its SharedAccessSignature is altered: a field is unknown or given twice"]
    return []


def _endpoint(parts: Mapping[str, str], service: str) -> Address:
    """Return the address of a service as the client libraries would work it out."""
    other = "queue" if service == "blob" else "blob"
    name = f"{service.capitalize()}Endpoint"
    explicit = parts.get(name.lower())
    if explicit is not None:
        try:
            return _service_address(explicit, service)
        except ValueError as error:
            raise ValueError(f"its {name} is wrong: {error}") from None
    if f"{other}endpoint" in parts or f"{service}secondaryendpoint" in parts:
        raise ValueError(f"it has no {name}, which it needs beside the endpoints that it has")
    account, suffix = parts.get("accountname"), parts.get("endpointsuffix", DEFAULT_SUFFIX)
    scheme = parts.get("defaultendpointsprotocol", "https").lower()
    if account is None:
        raise ValueError("it has neither AccountName nor BlobEndpoint and QueueEndpoint")
    if scheme not in ("http", "https"):
        raise ValueError("its DefaultEndpointsProtocol is neither https nor http")
    if not re.fullmatch(r"[a-z0-9]{3,24}", account):
        raise ValueError("its AccountName does not have 3 to 24 lower-case letters and digits")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", suffix):
        raise ValueError("its EndpointSuffix is not a domain")
    try:
        return parse_address(f"{scheme}://{account}.{service}.{suffix}")
    except ValueError:
        raise ValueError("its EndpointSuffix is not a domain") from None


# --- Both forms ---


def _service_address(text: str, service: str) -> Address:
    """Parse the address of a storage service; raise `ValueError` for that of another service or of a container."""
    address = parse_address(text)
    known = _SERVICE_HOST.match(address.host)
    if known and known["service"] != service:
        raise ValueError(f"it is the address of the {known['service']} service")
    # Only emulators have the account in the path; elsewhere a path is that of a container.
    may_have_path = not known and (is_loopback(address.host) or is_private(address.host))
    if address.path.count("/") > (1 if may_have_path else 0):
        raise ValueError("it has a path; the address of the service has none")
    return address


def _account_of(address: Address) -> str | None:
    known = _SERVICE_HOST.match(address.host)
    return known["account"] if known else address.path.removeprefix("/") or None


def _account_problems(addresses: Mapping[str, Address], named: str | None = None) -> list[str]:
    accounts = {account for address in addresses.values() if (account := _account_of(address))}
    if len(accounts) > 1:
        return ["the blob and the queue address belong to different storage accounts"]
    if named and any(_SERVICE_HOST.match(address.host) for address in addresses.values()) and accounts != {named}:
        return ["its AccountName is not the account of its endpoints"]
    return []
