"""The address of a request on its way through Kestrel and the host to Python.

Rules: dotnet/aspnetcore `UrlDecoder`, `PathNormalizer`, `PathString`, and azure-functions-host
`GrpcMessageConversionExtensions.ToRpcHttp` (read 2026-11): the path is decoded once but for `%2F`, dot segments are
resolved, and what is then written into the address for the worker keeps everything that looks like an escape. So `%2F`
and `%252F` both reach Python as `%2F`.
"""

from __future__ import annotations

import codecs
import re
from urllib.parse import parse_qsl, quote

_ESCAPES = re.compile(r"(?:%(?!2[Ff])[0-9A-Fa-f]{2})+")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")


def _keep_escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(f"%{byte:02X}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("functions_host.keep_escaped", _keep_escaped)


def decode_path(raw: bytes) -> str:
    """Return a request's path as the host sees it: decoded once, `%2F` left, dot segments resolved.

    Raises `ValueError` for one that Kestrel answers with 400.
    """
    if not raw.startswith(b"/") or not raw.isascii():
        raise ValueError("the path does not begin with '/' or has bytes outside ASCII")
    path = _ESCAPES.sub(_decode, raw.decode("ascii"))
    if "\0" in path:
        raise ValueError("the path has a NUL character")
    return _without_dot_segments(path)


def _decode(escapes: re.Match[str]) -> str:
    return bytes.fromhex(escapes[0].replace("%", "")).decode("utf-8", "functions_host.keep_escaped")


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        is_last = place == len(segments) - 1
        if segment not in (".", ".."):
            kept.append(segment)
            continue
        if segment == ".." and kept:
            kept.pop()
        if is_last:
            kept.append("")
    return "/" + "/".join(kept)


def encode_path(path: str) -> str:
    """Return a decoded path as it stands in the address for the worker."""
    return _ESCAPED.sub(lambda found: found[0] if len(found[0]) > 1 else quote(found[0], safe=""), path)


def query_parameters(query: str) -> dict[str, str]:
    """Return what `req.params` holds: repeated ones joined by a comma, those without a value left out."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name.lower(), (name, []))[1].append(value)
    return {name: ",".join(values) for name, values in found.values() if any(values)}
