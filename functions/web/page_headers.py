"""The headers that every answer to a browser carries, in one place: what a page may load, and who may show it."""

from collections.abc import Iterable

_DEVICES = "camera, microphone, geolocation, payment, usb, browsing-topics"


def security_headers(storage_origins: Iterable[str] = (), *, is_data: bool = False) -> dict[str, str]:
    """Return the headers of a page file, or with `is_data` of an answer of the API.

    `storage_origins`: where the page sends uploads to (`https://<account>.blob.core.windows.net`); an origin of another
    form is refused with `ValueError`, because it would become part of the policy.

    The policy has no inline script and no inline style, and no string becomes markup (Trusted Types); icons come from
    the app itself.
    """
    connect = " ".join(["'self'", *map(_checked_origin, storage_origins)])
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": connect,
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # Not `no-referrer`: requests that write would carry the origin `null`.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{device}=()" for device in _DEVICES.split(", ")),
        # The files of the page have no version in their names: the browser asks each time, and is told "not modified".
        "Cache-Control": "no-store" if is_data else "no-cache",
    }


def _checked_origin(origin: str) -> str:
    scheme, separator, host = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not host or not set(host) <= _HOST_CHARACTERS:
        raise ValueError(f"{origin!r} is no origin; expected is http(s)://host[:port].")
    return origin


_HOST_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")
