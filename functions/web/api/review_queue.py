"""`/api/review`: the documents that somebody should check, in the order in which that is best done."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...workflows.document_lists import MOST_ROWS
from ..parts import WebParts
from .document_list import filter_of, number_in, page_response


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    def get(request: Request) -> Response:
        query = request.query_params
        return page_response(query, parts.lists.to_review, filter_of(query), number_in(query, "limit", MOST_ROWS))

    return [Route("/review", get, methods=["GET"])]
