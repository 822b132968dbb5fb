"""`/api/session`: who asks, how access is given, and what the page needs to know beforehand."""

from datetime import timedelta
from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import __version__
from ...core.views import Filter, ShownState
from ..authorization import SIGN_OUT, principal_in
from ..parts import WebParts
from ..problem_json import json_response
from ..recent import Recent
from ..sample_files import SAMPLES_ADDRESS, samples_of

CATEGORIES_AGE = timedelta(minutes=1)
_TEXTS = ["text", "Markdown", "HTML", "CSV", "JSON", "XML"]
_FILES = ["PDF", "Word", "Excel", "PowerPoint", "mail", "RTF", "OpenDocument"]


class User(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody who has signed in."""

    id: str
    name: str


class Limits(msgspec.Struct, frozen=True, rename="camel"):
    """How large a document may be: text, and files that text is extracted from."""

    document_bytes: int
    file_bytes: int


class Sample(msgspec.Struct, frozen=True, rename="camel"):
    """A document to try the app with."""

    name: str
    url: str


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """The answer; `storageOrigin` is null where nothing can be uploaded."""

    access: str
    user: User | None
    sign_out: str | None
    version: str
    limits: Limits
    formats: list[str]
    samples: list[Sample]
    categories: list[str]
    """Those of the latest documents."""
    storage_origin: str | None


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""
    settings = parts.settings
    mode = settings.web
    categories = Recent(lambda: _categories(parts), parts.clock, CATEGORIES_AGE)
    limits = Limits(settings.max_document_bytes, settings.max_file_bytes)
    formats = _FILES[:2] + _TEXTS[:1] + _FILES[2:] + _TEXTS[1:] if settings.extract_seconds else _TEXTS
    samples = [Sample(name, SAMPLES_ADDRESS.lstrip("/") + quote(name)) for name in samples_of(settings)]

    async def get(request: Request) -> Response:
        principal = principal_in(request.headers) if mode == "entra" else None
        user = User(principal.object_id, principal.name) if principal else None
        return json_response(
            Session(
                access=mode,
                user=user,
                sign_out=SIGN_OUT if user else None,
                version=__version__,
                limits=limits,
                formats=formats,
                samples=samples,
                categories=await run_in_threadpool(categories.read),
                storage_origin=parts.uploads.origin,
            )
        )

    return [Route("/session", get, methods=["GET"])]


def _categories(parts: WebParts) -> list[str]:
    page = parts.lists.page(Filter(states=frozenset({ShownState.DONE})), None, _LATEST)
    summaries = [told.record.summary for told in page.told if told.record and told.record.summary]
    return sorted({one.category for summary in summaries for one in summary.categories})


_LATEST = 20
"""Documents whose categories are told."""
