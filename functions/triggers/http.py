"""The triggers of the page and its API; their names decide which is asked first, and the page's takes every path."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import azure.functions as func

from ..web.lazy import LazyApp, load_api, load_page

if TYPE_CHECKING:
    from ..web.parts import WebParts

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""All of them: the application's own 405 says more than the host's 404."""


def blueprint(mode: str, parts: Callable[[], "WebParts"]) -> func.Blueprint:
    """Return the HTTP triggers; `mode` is the setting `WEB`, `parts` are made at the first request.

    Only in the mode `key` the host asks for keys, and not for the files of the page."""
    trigger = func.Blueprint()
    api, page = LazyApp(load_api, parts), LazyApp(load_page, parts)
    level = func.AuthLevel.FUNCTION if mode == "key" else func.AuthLevel.ANONYMOUS

    @trigger.function_name("web_api")
    @trigger.route(route="api/{*path}", methods=METHODS, auth_level=level)
    async def web_api(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return await api.answer(req, context)

    @trigger.function_name("web_page")
    @trigger.route(route="{*path}", methods=METHODS, auth_level=func.AuthLevel.ANONYMOUS)
    async def web_page(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        return await page.answer(req, context)

    return trigger
