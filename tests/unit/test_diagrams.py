import re

import pytest

from docs.generate.diagrams import PAGE, meanings, page
from functions.core.documents import DocumentState
from functions.core.jobs import JobState
from functions.core.lifecycle import DOCUMENT_TRANSITIONS, JOB_TRANSITIONS, DocumentEvent, JobEvent

ARROW = re.compile(r"^    (\S+) --> (\S+)(?:: (\w)\. (.+))?$", re.MULTILINE)
SENTENCE = re.compile(r"^- \*\*(\w)\.\*\* \*(.+?)\* \(.+?\): [A-Z].+\.$", re.MULTILINE)


def test_page_is_drawn_from_tables() -> None:
    """`python -m docs.generate.diagrams` writes the page anew."""
    assert PAGE.read_text("utf-8") == page()


@pytest.mark.parametrize(
    ("title", "table"), [("A document", DOCUMENT_TRANSITIONS), ("A job", JOB_TRANSITIONS)], ids=["document", "job"]
)
def test_every_row_is_one_arrow(title: str, table: dict) -> None:
    section = page().split(f"## {title}\n")[1].split("\n## ")[0]
    arrows = [match for match in ARROW.findall(section) if match[2]]
    rows = {(source or "[*]", row[event] or "[*]", event) for source, row in table.items() for event in row}
    assert {(source, target, event) for source, target, _, event in arrows} == rows
    assert len(arrows) == len(rows)
    assert SENTENCE.findall(section) == [(letter, event) for _, _, letter, event in arrows]


@pytest.mark.parametrize("described", [JobState, JobEvent, DocumentState, DocumentEvent])
def test_every_state_and_event_is_described(described: type) -> None:
    assert set(meanings(described)) == {member.value for member in described}
    assert all(sentence.endswith(".") for sentence in meanings(described).values())
