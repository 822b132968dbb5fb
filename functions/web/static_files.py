"""The files of the page, read once and served by their names: no other path leads to any file."""

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).with_name("static")

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def routes() -> list[BaseRoute]:
    """Return a route for each file, and `/` for the page itself."""
    files = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*")) if path.suffix in _TYPES}
    page = file_route("/", files["index.html"], _TYPES[".html"])
    return [page, *(file_route(f"/static/{name}", path, _TYPES[path.suffix]) for name, path in files.items())]


def file_route(address: str, path: Path, media_type: str) -> Route:
    """Return the route of a file."""
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'

    async def file(request: Request) -> Response:
        return unless_known(request, etag, content, media_type)

    return Route(address, file, methods=["GET"])


def unless_known(request: Request, etag: str, content: bytes, media_type: str) -> Response:
    """Return a content with its ETag, or 304 where the client has it already (RFC 9110, 13.1.2)."""
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(content, headers={"ETag": etag}, media_type=media_type)
