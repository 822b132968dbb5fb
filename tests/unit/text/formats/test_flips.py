"""Some bytes of each sample and some XML in office files changed; all of it by commands in `tests.benchmarks`."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from functions.text.formats.runner import Runner
from tests.benchmarks.flips import flipped, outcome, samples
from tests.benchmarks.xml_changes import changed, office_samples

from .compound_file import compound_file
from .outlook import message, texts

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("extraction process")]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as found:
        yield found


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.name)
def test_changed_byte_has_an_outcome(path: Path, runner: Runner) -> None:
    assert defects(path.read_bytes(), runner) == []


def test_changed_byte_of_outlook_mail_has_an_outcome(runner: Runner) -> None:
    attached = {"__properties_version1.0": bytes(8), "__substg1.0_37010102": b"text"}
    mail = message(**texts(p1000="body"), **{"__attach_version1.0_#00000000": attached})
    assert defects(compound_file(mail), runner) == []


def defects(data: bytes, runner: Runner) -> list[str]:
    changed = flipped(data, step=max(1, len(data) // 40))
    return [found for _, each in changed if (found := outcome(runner, each)).startswith("defect")]


@pytest.mark.parametrize("path", office_samples(), ids=lambda path: path.name)
def test_changed_xml_has_an_outcome(path: Path, runner: Runner) -> None:
    data, random = path.read_bytes(), Random(1)
    outcomes = [outcome(runner, changed(data, random)) for _ in range(20)]
    assert [each for each in outcomes if each.startswith("defect")] == []
