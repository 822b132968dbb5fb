"""Addresses of services, as settings give them: parsed strictly, in one form, private ones told from public ones.

Only what every HTTP client understands alike is accepted. What one library repairs and another refuses (blanks, user
names, bad ports, `..`) is refused here with its reason, before any client is made.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

PRIVATE_NETWORKS = tuple(
    ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""RFC 1918 (February 1996) and RFC 4193 (October 2005). Link-local addresses are left out: the metadata service of a
cloud is at one, a Language container never is."""

PRIVATE_DOMAINS = (".localhost", ".local", ".internal", ".home.arpa")
"""Domains that the public DNS does not have: RFC 6761, RFC 6762, ICANN's reservation of `.internal` (July 2024) and
RFC 8375."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


class Address(NamedTuple):
    """An address without query and fragment; `path` is empty or begins with a slash, and never ends with one."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def parse_address(text: str) -> Address:
    """Return what an `http` or `https` address says; raise `ValueError` with what is wrong with it.

    The error never repeats the text, which may hold a password or a signature.
    """
    if not text.isascii():
        raise ValueError("it has characters outside ASCII; write an international host name in its xn-- form")
    if "<" in text or ">" in text:
        raise ValueError("it still has a placeholder in angle brackets")
    if not re.fullmatch(r"[!-~]+", text) or re.search(r"[\"'`\\{}|^]", text):
        raise ValueError("it has blanks, quotes, or other characters that no address here needs")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("its brackets hold no IPv6 address") from None
    if parts.scheme not in DEFAULT_PORTS or not text[len(parts.scheme) :].startswith("://"):
        raise ValueError("it does not begin with https://")
    for sign, what in (("@", "a user name or a password"), ("?", "a query"), ("#", "a fragment")):
        if sign in (parts.netloc if sign == "@" else text):
            raise ValueError(f"it has {what}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("its port is not a number from 1 to 65535")
    return Address(
        parts.scheme,
        _checked_host(parts.hostname or "", is_bracketed=parts.netloc.startswith("[")),
        port or DEFAULT_PORTS[parts.scheme],
        _checked_path(parts.path),
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine for certain: `localhost` or a loopback address."""
    ip = _ip(host)
    return ip.is_loopback if ip else host == "localhost"


def is_private(host: str) -> bool:
    """Whether a host can only be in a private network: an address of one, or a name that the public DNS does not have.

    A name is not looked up: what it means here and now says nothing about the next request. Names of container
    networks have no dot (`language`) or a private domain (`language.svc.cluster.local`), and such names are never
    delegated in the public DNS (dotless names: ICANN resolution of August 2013), so they cannot lead out of it.
    """
    ip = _ip(host)
    if ip:
        return ip.is_loopback or any(ip in network for network in PRIVATE_NETWORKS if network.version == ip.version)
    return "." not in host or host.endswith(PRIVATE_DOMAINS)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _checked_host(host: str, *, is_bracketed: bool) -> str:
    if not host:
        raise ValueError("it has no host")
    if is_bracketed:
        try:
            # A zone, as in fe80::1%eth0, has a meaning on one machine only.
            return str(ipaddress.IPv6Address(host.replace("%", " ")))
        except ValueError:
            raise ValueError("its brackets hold no IPv6 address") from None
    if host.endswith("."):
        raise ValueError("its host ends with a dot")
    labels = host.split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("its host is neither a host name nor an IP address")
    # Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses, each library in its own way (inet_aton).
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]) and not _ip(host):
        raise ValueError("its host is neither a host name nor an IP address")
    return host


def _checked_path(path: str) -> str:
    path = path.rstrip("/")
    if not path:
        return ""
    segments = path[1:].split("/")
    if not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError("its path has empty parts or characters other than letters, digits, '.', '_', '~' and '-'")
    if any(segment in (".", "..") for segment in segments):
        raise ValueError("its path has '.' or '..' as a part")
    return path
