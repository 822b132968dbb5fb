"""Fuzzing begins with small files of every format."""

import pytest

from functions.text.formats.extractors import FORMATS
from tests.unit.text.formats.samples import extracted

from .seeds import seeds


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"plain"}))
def test_format_has_seeds(name: str) -> None:
    assert any(len(data) < 45_000 for data in seeds(name))


def test_seeds_that_are_written_are_of_their_format() -> None:
    for name in ("json", "jsonl", "tsv", "msg"):
        assert {extracted(data).format for data in seeds(name)} == {name}
