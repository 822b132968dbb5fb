"""The description of the API: it names the routes that there are, and what they answer is what it says."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from starlette.routing import Route
from starlette.types import ASGIApp

from functions import problems
from functions.web.api.described import OPENAPI
from functions.web.application import api_app, api_routes
from functions.web.document_ids import id_of
from tests.support.examples import examples
from tests.support.web import HOST, OPEN
from tests.support.world import World, letter

pytestmark = pytest.mark.long

DESCRIPTION: dict[str, Any] = json.loads(OPENAPI.read_text("utf-8"))


HERE = f"http://{HOST}"


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    """The API on a world with a document in each state that a client can meet."""
    world = World(settings=dict(OPEN))
    world.drop("done.txt", letter(1))
    world.drop("failed.txt", b"")
    world.settle()
    world.drop("waiting.txt", letter(2), announce=False)
    return api_app(world.app.web)


SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
"""Cases of it know no application: each test gives them that of the fixture, which is not made before."""

EXCLUDED = [
    # A name may be refused for what a schema does not say well: control characters, dots and slashes at its ends.
    schemathesis.checks.positive_data_acceptance,
]


@SCHEMA.parametrize()
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: schemathesis.Case, app: ASGIApp) -> None:
    """No 5xx, no status, header or content that is not described; what is not described is refused."""
    case.call_and_validate(app=app, base_url=HERE, excluded_checks=EXCLUDED)


@pytest.mark.parametrize("name", ["done.txt", "failed.txt", "waiting.txt"])
def test_documents_are_as_described(app: ASGIApp, name: str) -> None:
    operation = SCHEMA["/api/documents/{id}"]["GET"]
    reply = operation.Case(path_parameters={"id": id_of(name)}).call_and_validate(app=app, base_url=HERE)
    assert reply.status_code == 200
    for result in reply.json()["results"]:
        parameters = {"id": id_of(name), "result": result["name"]}
        one = SCHEMA["/api/documents/{id}/results/{result}"]["GET"].Case(path_parameters=parameters)
        assert one.call_and_validate(app=app, base_url=HERE).status_code == 200


def test_uploads_are_as_described(app: ASGIApp) -> None:
    operation = SCHEMA["/api/uploads"]["POST"]
    for name, status in (("new.txt", 200), ("done.txt", 409), ("..", 400)):
        case = operation.Case(body={"name": name, "sizeBytes": 5}, media_type="application/json")
        assert case.call_and_validate(app=app, base_url=HERE).status_code == status


def test_description_names_every_route() -> None:
    routes = {
        (f"/api{route.path}", method.lower())
        for route in api_routes(World(settings=dict(OPEN)).app.web)
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(path, method) for path, item in DESCRIPTION["paths"].items() for method in item}
    assert described == routes


def test_described_statuses_are_those_of_problems() -> None:
    """Each status of a refusal is described somewhere, but for those of unknown addresses and methods."""
    described = {
        int(status) for item in DESCRIPTION["paths"].values() for one in item.values() for status in one["responses"]
    }
    assert {kind.status for kind in problems.REFUSALS} - described == {405}
