"""`/api/review`: the documents that somebody should check, in the order in which that is best done."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.cursors import InvalidCursor, to_place
from ...workflows.document_lists import MOST_ROWS
from ..parts import WebParts
from ..problem_json import RefusedError, json_response
from .document_list import filter_of, number_in, page_of


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    def get(request: Request) -> Response:
        query = request.query_params
        asked, most = filter_of(query), number_in(query, "limit", MOST_ROWS)
        try:
            place = to_place(query["cursor"]) if query.get("cursor") else None
            page = parts.lists.to_review(asked, place, most)
        except InvalidCursor as error:
            raise RefusedError(problems.INVALID_CURSOR.refusal()) from error
        return json_response(page_of(page))

    return [Route("/review", get, methods=["GET"])]
