"""What the page tells of the model comes from the commands' own records; the service is not asked."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from functions.core.index import IndexKind
from functions.core.model_history import CategoryQuality, Deployed, Measured, Quality, Training
from functions.errors import NewerRecord
from functions.storage.index_store import IndexStore
from functions.storage.model_store import ModelStore
from functions.workflows import document_lists
from functions.workflows.model_view import ModelView
from tests.support.corrections import correct
from tests.support.world import World, letter

HOST = "loans.cognitiveservices.azure.com"


def view(world: World) -> ModelView:
    return world.app.web.model


def test_nothing_is_known_at_first(world: World) -> None:
    assert json.loads(msgspec.json.encode(view(world).read())) == {
        "model": "loans/production",
        "expires": None,
        "reviewedSinceTraining": 0,
        "reviewedIsComplete": True,
        "trainedAt": None,
        "quality": [],
        "command": "python -m functions model train --project loans --yes",
        "mayTrain": False,
    }


def test_records_of_commands_are_shown(world: World) -> None:
    store, now = ModelStore(world.state, HOST, "loans"), world.clock()
    world.drop("a.txt", letter(1))
    world.run()
    correct(world, "a.txt")
    world.app.web.correcting.read("a.txt")  # The index follows whoever reads corrections.
    quality = Quality(micro=0.9, macro=0.8, categories=(CategoryQuality(category="Name", f1=0.7),))
    store.add(Training(at=now, label="m1", learnt_until=now - timedelta(days=1)))
    store.add(Measured(at=now, label="m1", quality=quality))
    store.add(Deployed(at=now, deployment="production", label="m1"))
    world.sweep()
    shown = view(world).read()
    assert (shown.model, shown.expires) == ("loans/production (m1)", date(2027, 10, 27))
    assert (shown.reviewed_since_training, shown.trained_at) == (1, now)
    assert json.loads(msgspec.json.encode(shown))["quality"][0]["categories"] == [{"category": "Name", "f1": 0.7}]
    store.add(Training(at=now, label="m2", learnt_until=world.clock() + timedelta(days=1)))
    assert view(world).read().reviewed_since_training == 0


def test_same_event_is_kept_once(world: World) -> None:
    store, now = ModelStore(world.state, HOST, "loans"), world.clock()
    quality = Quality(micro=0.9, macro=0.8)
    for n in range(3):
        at = now + timedelta(seconds=n)
        store.add(Training(at=at, label="m1", learnt_until=now))
        store.add(Measured(at=at, label="m1", quality=quality))
        store.add(Deployed(at=at, deployment="production", label="m1"))
    history = store.history()
    assert [len(one) for one in (history.trainings, history.measured, history.deployed)] == [1, 1, 1]


def test_unreadable_history_is_begun_anew(world: World) -> None:
    store = ModelStore(world.state, HOST, "loans")
    store.add(Training(at=world.clock(), label="m1", learnt_until=world.clock()))
    (blob,) = world.state.list("models/")
    world.state.write(blob.name, b"{")
    assert store.history().trainings == ()
    store.add(Training(at=world.clock(), label="m2", learnt_until=world.clock()))
    assert [one.label for one in store.history().trainings] == ["m2"]


def test_history_of_newer_release_stays(world: World) -> None:
    store = ModelStore(world.state, HOST, "loans")
    store.add(Training(at=world.clock(), label="m1", learnt_until=world.clock()))
    (blob,) = world.state.list("models/")
    newer = b'{"version": 99}'
    world.state.write(blob.name, newer)
    with pytest.raises(NewerRecord):
        store.add(Training(at=world.clock(), label="m2", learnt_until=world.clock()))
    assert world.state.read(blob.name).data == newer


def test_two_commands_lose_no_event(world: World) -> None:
    """Of two that read the same history, the slower one reads it again."""
    store, now = ModelStore(world.state, HOST, "loans"), world.clock()
    store.add(Deployed(at=now, deployment="production", label="m0"))
    other = ModelStore(RacingContainer(world.state, lambda: store.add(Training(at=now, label="m1", learnt_until=now))),
                       HOST, "loans")  # fmt: skip
    other.add(Training(at=now, label="m2", learnt_until=now))
    assert [one.label for one in store.history().trainings] == ["m1", "m2"]


class RacingContainer:
    """A container to which somebody else writes just before the first write."""

    def __init__(self, inner: Any, race: Callable[[], None]) -> None:
        self._inner, self._race = inner, iter([race])

    def __getattr__(self, name: str) -> Any:
        if name == "write":
            next(self._race, lambda: None)()
        return getattr(self._inner, name)


def test_reviews_since_are_counted(world: World) -> None:
    """By the index, at most so many as it tells at once; a review that is not finished does not count."""
    for number in range(3):
        world.drop(f"{number}.txt", letter(number))
    world.run()
    web = world.app.web

    def review(name: str, **more: Any) -> None:
        correct(world, name, **more)
        web.correcting.read(name)

    review("0.txt")
    since = world.clock()
    world.clock.advance(60)
    review("1.txt")
    review("2.txt", status="open")
    assert web.lists.reviewed_since(None) == (2, True)
    assert web.lists.reviewed_since(since) == (1, True)


def test_count_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        IndexStore(world.state).add(IndexKind.REVIEWED, f"{number}.txt", {})
    monkeypatch.setattr(document_lists, "MOST_COUNTED", 1)
    assert world.app.web.lists.reviewed_since(None) == (1, False)
