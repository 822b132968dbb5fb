"""Some bytes of each sample changed; all of them by `python -m tests.benchmarks.flips`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.text.formats.runner import Runner
from tests.benchmarks.flips import flipped, outcome, samples

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("extraction process")]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as found:
        yield found


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.name)
def test_changed_byte_has_an_outcome(path: Path, runner: Runner) -> None:
    data = path.read_bytes()
    outcomes = [outcome(runner, changed) for _, changed in flipped(data, step=max(1, len(data) // 40))]
    assert [each for each in outcomes if each.startswith("defect")] == []
