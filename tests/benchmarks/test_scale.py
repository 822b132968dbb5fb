"""The simulation keeps to the limits, loses no work, and its page shows what it prints."""

from collections import Counter
from itertools import pairwise

import pytest

from functions.core.packing import MAX_REQUEST_DOCUMENTS
from functions.text.splitting import MAX_REQUEST_CHARACTERS

from . import simulation
from .scale import (
    BEGIN,
    END,
    HEAD,
    PAGE,
    SCENARIO_HEAD,
    blocking,
    into_page,
    missed,
    missed_in,
    row,
    scenario_row,
    scenarios,
    worlds,
)
from .scale_model import Outcome, World
from .simulation import batch_sizes, simulate

DOCUMENTS = 20_000


@pytest.fixture(scope="module", params=[(1, 1), (1, 10), (4, 10)], ids=["1 on 1", "10 on 1", "10 on 4"])
def outcome(request: pytest.FixtureRequest) -> Outcome:
    resources, instances = request.param
    return simulate(World(documents=DOCUMENTS, resources=resources, instances=instances))


def test_every_document_is_submitted_once(outcome: Outcome) -> None:
    assert outcome.documents == DOCUMENTS
    assert outcome.requests["submissions"] == outcome.jobs == len(outcome.delays)
    assert outcome.submitted_again == outcome.taken_up == 0
    assert outcome.records == 2 * DOCUMENTS, "2,000 characters are two text records, billed once"


def test_no_result_precedes_its_job(outcome: Outcome) -> None:
    assert min(outcome.delays) > 0


def test_no_limit_is_exceeded(outcome: Outcome) -> None:
    """Shares are means over the run; the first minute's burst is what a short run may be above them."""
    assert outcome.shares["storage"] <= 1
    assert outcome.processor_seconds <= outcome.world.instances * outcome.seconds
    minutes = outcome.seconds / 60 + 1
    accepted = sum(outcome.requests.values()) - outcome.requests["refused"]
    assert accepted <= outcome.world.resources * outcome.world.requests_per_minute * minutes


def test_nobody_is_refused(outcome: Outcome) -> None:
    assert outcome.requests["refused"] == 0
    assert max(outcome.delays) < 6


def test_ledger_takes_few_requests(outcome: Outcome) -> None:
    assert 0 < outcome.ledger_requests <= 0.2 * DOCUMENTS


@pytest.mark.parametrize("limit", [80, 100, 120])
def test_small_limits_are_used(limit: int) -> None:
    world = World(documents=8_000, resources=1, instances=4, requests_per_minute=limit)
    outcome = simulate(world)
    assert outcome.requests["refused"] == 0
    assert outcome.shares["requests"] >= 0.94


def test_foreign_requests_are_made_room_for() -> None:
    """Another application uses a third of the limit."""
    outcome = simulate(World(documents=60_000, resources=1, instances=10, foreign_share=1 / 3))
    requests = sum(outcome.requests.values())
    assert 0 < outcome.requests["refused"] <= 0.01 * requests
    assert sorted(outcome.delays)[len(outcome.delays) // 2] < 2.5


def test_no_resource_exceeds_its_minute_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: dict[int, list[float]] = {}
    admit = simulation.Language.admit

    def watched(language: simulation.Language, now: float) -> float | None:
        wait = admit(language, now)
        if wait is None:
            accepted.setdefault(id(language), []).append(now)
        return wait

    monkeypatch.setattr(simulation.Language, "admit", watched)
    world = World(documents=DOCUMENTS, resources=2, instances=20, requests_per_minute=200)
    simulate(world)
    assert len(accepted) == 2
    for times in accepted.values():
        assert all(earlier <= later for earlier, later in pairwise(times))
        limit = world.requests_per_minute
        assert all(later - earlier >= 60 for earlier, later in zip(times, times[limit:], strict=False))


def test_requests_bound_time_from_below() -> None:
    world = World(documents=DOCUMENTS, resources=1, instances=10)
    outcome = simulate(world)
    accepted = sum(outcome.requests.values()) - outcome.requests["refused"]
    # The window is empty at the start, so the first minute's requests may go at once.
    assert outcome.seconds >= (accepted / world.requests_per_minute - 1) * 60


def test_requests_limit_what_more_instances_gain() -> None:
    """More resources and more instances finish sooner until the requests are the limit."""
    alone, four, forty = (
        simulate(World(documents=DOCUMENTS, resources=resources, instances=instances))
        for resources, instances in ((1, 1), (1, 4), (4, 40))
    )
    assert forty.seconds < four.seconds < alone.seconds
    assert alone.limit == "processors"


def test_backlog_batches_are_full() -> None:
    short, long = batch_sizes(World()), batch_sizes(World(characters=20_000))
    assert set(short) == {MAX_REQUEST_DOCUMENTS}
    assert max(long) <= MAX_REQUEST_CHARACTERS // 19_000
    assert sum(short) == sum(long) == simulation.SAMPLE_DOCUMENTS


def test_same_seed_gives_same_run() -> None:
    world = World(documents=5_000, resources=1, instances=4)
    first, second = simulate(world), simulate(world)
    assert (first.seconds, first.requests, first.storage.total) == (
        second.seconds,
        second.requests,
        second.storage.total,
    )


def test_each_pair_is_simulated() -> None:
    pairs = Counter((world.resources, world.instances) for world in worlds(10, 2_000, (1, 4), (1, 4)))
    assert set(pairs) == {(1, 1), (1, 4), (4, 1), (4, 4)}


# --- Where something goes wrong ---


def test_killed_instances_lose_nothing() -> None:
    """Their jobs are taken up by the same messages; few documents are submitted a second time."""
    outcome = simulate(World(documents=DOCUMENTS, resources=1, instances=10, kill_every_s=2.0, redelivery_s=60.0))
    assert outcome.kills > 30
    assert outcome.taken_up > 10
    assert outcome.documents == DOCUMENTS
    assert 0 <= outcome.submitted_again <= 0.05 * DOCUMENTS
    assert outcome.delay(0.99) <= 60 + 5


def test_dead_resource_is_left_and_found_again() -> None:
    """The others go on at their full rate; what it had running waits for it, and nothing is submitted twice."""
    whole = simulate(World(documents=60_000, resources=2, instances=20))
    outcome = simulate(World(documents=60_000, resources=2, instances=20, resource_down=(30.0, 100.0)))
    assert outcome.documents == 60_000
    assert outcome.submitted_again == 0
    assert outcome.requests["down"] < 400
    assert outcome.seconds < whole.seconds + 60
    late = [time for time, _ in outcome.done if time > 130]
    assert len(late) > 100, "it has come back"


def test_unreachable_ledger_slows_and_loses_nothing() -> None:
    outcome = simulate(World(documents=DOCUMENTS, resources=1, instances=4, ledgers_down=(30.0, 90.0)))
    assert outcome.documents == DOCUMENTS
    assert outcome.requests["refused"] <= 0.005 * outcome.requests.total()
    meanwhile = sum(count for time, count in outcome.done if 40 < time < 90)
    assert 0 < meanwhile <= 4 * 10 * 25


def test_instances_that_come_later_work() -> None:
    outcome = simulate(World(documents=DOCUMENTS, resources=1, instances=4, start_every_s=5.0))
    assert outcome.documents == DOCUMENTS
    assert outcome.requests["refused"] == 0


def test_pool_is_used_evenly() -> None:
    outcome = simulate(World(documents=100_000, resources=4, instances=40))
    assert outcome.floor > 0.9


def test_missed_figures_are_told() -> None:
    outcome = simulate(World(documents=5_000, resources=1, instances=10))
    assert missed(outcome, alone=None) == [f"1 x 10: {outcome.floor:.1%} of the floor, of at least 97%"]
    outcome.requests["refused"] = 100
    assert "refused" in missed(outcome, alone=1.0)[0]
    assert "storage requests" in missed(outcome, alone=1.0)[-1]
    assert missed_in("whatever", outcome) == [f"whatever, 1 x 10: {100 * outcome.refused:.2f} % refused"]


def test_scenarios_have_a_row_each(outcome: Outcome) -> None:
    assert len({(one.name, one.world) for one in scenarios(10, 2_000)}) == len(scenarios(10, 2_000))
    assert len(scenario_row("whatever", outcome)) == len(SCENARIO_HEAD)


def test_costs_follow_list_prices() -> None:
    outcome = blocking(World(documents=1_000_000))
    assert outcome.costs()["service"] == pytest.approx(10_000), "two million text records at 5 dollars a thousand"
    assert outcome.costs()["events"] == pytest.approx(0.60)
    # 50 hours of 2 GB, and a million executions.
    assert outcome.costs()["functions"] == pytest.approx(50 * 3600 * 2 * 0.000026 + 0.40)


def test_each_row_has_cell_for_each_column(outcome: Outcome) -> None:
    assert len(row(outcome)) == len(row(blocking(outcome.world))) == len(HEAD)


def test_page_shows_scripts_table() -> None:
    page = PAGE.read_text("utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert "| " + " | ".join(HEAD) + " |" in shown


def test_only_text_between_markers_changes() -> None:
    assert into_page(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="put them back"):
        into_page("a page without marks", "new")
