"""`docs/faults.md` promises a test for each fault; here the promise is checked."""

import re

import pytest

from local.process import ROOT

PAGE = ROOT / "docs" / "faults.md"
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| (?!fault |---)", line)]
LINK = re.compile(r'\[[^\]]+\]\((?P<file>[^ )]+) "(?P<test>\w+)"\)')


def defined_in(file: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", (PAGE.parent / file).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:50])
def test_each_fault_has_existing_tests(row: str) -> None:
    cells = [cell.strip() for cell in row.strip().strip("|").split(" | ")]
    assert len(cells) == 4
    assert all(cells), "no empty cell"
    links = list(LINK.finditer(cells[3]))
    assert links, "no row without a test"
    assert LINK.sub("", cells[3]).replace("<br>", "").strip() == "", "nothing but links to tests"
    for link in links:
        assert link["test"] in defined_in(link["file"])


def test_table_has_rows_to_check() -> None:
    assert len(ROWS) > 40
