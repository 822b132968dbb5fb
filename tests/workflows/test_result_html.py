"""`RESULT_HTML`: a view beside each result, which goes where the result goes."""

import pytest

from functions.storage.memory_containers import MemoryContainer
from tests.support.world import Call, Crash, World, letter

ON = {"RESULT_HTML": "true"}


@pytest.fixture
def world() -> World:
    return World(settings=dict(ON))


def view(world: World, name: str = "a.txt") -> str:
    return world.output.read(f"{name}.html").data.decode()


def names(world: World) -> list[str]:
    return [info.name for info in world.output.list()]


def test_view_is_written_beside_result(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    assert "Mary Miller" in view(world)
    info = world.output.get_properties("a.txt.html")
    assert info.content_type == "text/html; charset=utf-8"
    assert info.metadata["source_etag"] == world.intake.get_properties("a.txt").etag
    world.check_right("a.txt")


def test_no_view_unless_asked() -> None:
    world = World()
    world.drop("a.txt", letter(1))
    world.settle()
    assert names(world) == ["a.txt.entities.json"]


def test_markup_of_document_stays_text(world: World) -> None:
    world.drop("<img src=x onerror=alert(1)>.txt", letter(1) + "<script>alert(1)</script>")
    world.settle()
    page = view(world, "<img src=x onerror=alert(1)>.txt")
    assert "<img" not in page and "<script>alert" not in page


def test_new_version_replaces_view(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    world.drop("a.txt", letter(2))
    world.settle()
    assert "$1002" in view(world) and "$1001" not in view(world)


def test_failed_version_has_no_view(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    world.drop("a.txt", b"")
    world.settle()
    assert names(world) == ["a.txt.error.json"]


def test_view_goes_once_setting_is_off(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    world.restart(RESULT_HTML="false")
    world.drop("a.txt", letter(2))
    world.settle()
    assert names(world) == ["a.txt.entities.json"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_crash_at_view_is_made_good(world: World, moment: str) -> None:
    died: list[Call] = []

    def crash(call: Call) -> None:
        if not died and call.name.endswith(".html") and (call.action, call.moment) == ("write", moment):
            died.append(call)
            raise Crash

    world.gate = crash
    world.drop("a.txt", letter(1))
    with pytest.raises(Crash):
        world.settle()
    world.restart()
    world.settle()
    assert died and "Mary Miller" in view(world)
    world.check_right("a.txt")


def test_fault_of_view_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise KeyError("x")

    monkeypatch.setattr("functions.app.view_of", broken)
    world = World(settings=dict(ON), output=MemoryContainer())
    world.drop("a.txt", letter(1))
    world.settle()
    assert names(world) == ["a.txt.entities.json"]
