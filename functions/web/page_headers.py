"""The headers that every answer to a browser carries, in one place: what a page may load, and who may show it."""

_DEVICES = ("camera", "microphone", "geolocation", "payment", "usb", "browsing-topics")

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{device}=()" for device in _DEVICES),
    # Not no-referrer: a request of the page's own would then carry no origin that could be checked.
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}

_ORIGIN_CHARACTERS = set("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")


def api_headers() -> dict[str, str]:
    """Return the headers of every answer with data: never kept, and nothing runs in it if a browser shows it."""
    return _EVERYWHERE | {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "sandbox",
    }


def page_headers(upload_origin: str | None) -> dict[str, str]:
    """Return the headers of the page's files, which hold no data: asked for anew each time.

    The policy has no inline script and no inline style, and no string becomes markup (Trusted Types).
    `upload_origin` is where the page sends uploads to (`https://<account>.blob.core.windows.net`), None where it sends
    none; an origin of another form is refused with `ValueError`, because it would become part of the policy.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' {_checked(upload_origin)}" if upload_origin is not None else "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return _EVERYWHERE | {
        # The files have no version in their names: the browser asks each time, and is told "not modified".
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
    }


def _checked(origin: str) -> str:
    scheme, separator, host = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not host or not set(host) <= _ORIGIN_CHARACTERS:
        raise ValueError(f"{origin!r} is no origin; expected is http(s)://host[:port].")
    return origin
