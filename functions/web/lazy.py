"""Loads an application of the page at its first request: instances for other triggers start without it."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import azure.functions as func

from .. import problems

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .parts import WebParts

logger = logging.getLogger(__name__)


def load_api(parts: "WebParts") -> "ASGIApp":
    """Return the API."""
    from .application import api_app

    return api_app(parts)


def load_page(parts: "WebParts") -> "ASGIApp":
    """Return the page's files."""
    from .application import page_app

    return page_app(parts)


class _NoAnswers(logging.Filter):
    """Keeps out of the log what the adapter writes at debug level: every answer, texts and signatures included."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Received %s from ASGI worker")


_NO_ANSWERS = _NoAnswers()


class LazyApp:
    """An application behind the adapter of the Functions library; requests come one at a time, on one event loop."""

    def __init__(self, load: Callable[["WebParts"], "ASGIApp"], parts: Callable[[], "WebParts"]) -> None:
        self._load = load
        self._parts = parts
        self._adapter: func.AsgiMiddleware | None = None

    async def answer(self, request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        """Answer one request."""
        if self._adapter is None:
            # The adapter uses the root logger itself; adding the same filter again changes nothing.
            logging.getLogger().addFilter(_NO_ANSWERS)
            self._adapter = func.AsgiMiddleware(self._load(self._parts()))
        try:
            response: func.HttpResponse = await self._adapter.handle_async(request, context)
            return response
        except ValueError as error:
            # The application itself raises nothing; the adapter does, for escapes that are not UTF-8.
            logger.warning("A request has an address that can not be read: %s.", type(error).__name__)
            return _unreadable()


def _unreadable() -> func.HttpResponse:
    from .page_headers import api_headers
    from .problem_json import PROBLEM_TYPE, problem_body

    refusal = problems.INVALID_ADDRESS.refusal()
    headers = api_headers() | {"x-ms-error-code": refusal.code}
    return func.HttpResponse(problem_body(refusal), status_code=refusal.status, headers=headers, mimetype=PROBLEM_TYPE)
