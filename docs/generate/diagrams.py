"""Draws the transition tables: docs/states.md, made from functions/core/lifecycle.py.

python -m docs.generate.diagrams     writes docs/states.md
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from functions.core import documents, jobs
from functions.core import lifecycle as states

PAGE = Path(__file__).parents[2] / "docs" / "states.md"

_BEGIN, _END = "[*]", "[*]"

_INTRODUCTION = """\
# States

Drawn from the two tables in `functions/core/lifecycle.py` by `python -m docs.generate.diagrams`; a test compares.
An event that has no arrow in a state is a defect in the app: it raises `IllegalTransition` and changes nothing.
Repeated and late queue messages are no events: they are told apart by their step, and dropped.
"""


class Arrow(NamedTuple):
    """One row of a table: from where to where, by which event; `None` is before the first state or after the last."""

    source: StrEnum | None
    target: StrEnum | None
    event: StrEnum


def job_arrows() -> list[Arrow]:
    """Return the arrows of a job; its record is created waiting, which is no event."""
    table = states.JOB_TRANSITIONS.items()
    return [Arrow(source, target, event) for source, row in table for event, target in row.items()]


def document_arrows() -> list[Arrow]:
    """Return the arrows of a document."""
    table = states.DOCUMENT_TRANSITIONS.items()
    return [Arrow(source, target, event) for source, row in table for event, target in row.items()]


def meanings(described: type[StrEnum]) -> dict[str, str]:
    """Return the sentence that stands below each member of an enumeration in its source, by the member's value."""
    (definition,) = ast.parse(inspect.getsource(described)).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class is one; for the type checker
    found = {}
    for member, sentence in zip(definition.body, definition.body[1:], strict=False):
        match member, sentence:
            case ast.Assign(targets=[ast.Name(name)]), ast.Expr(value=ast.Constant(value=str(text))):
                found[described[name].value] = inspect.cleandoc(text).replace("\n", " ")
    return found


def page() -> str:
    """Return the text of docs/states.md."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_section("A document", documents.DocumentState, document_arrows(), states.DocumentEvent, ends=False),
            *_section("A job", jobs.JobState, job_arrows(), states.JobEvent, ends=True),
        ]
    )


def _section(
    title: str, state_type: type[StrEnum], arrows: list[Arrow], event_type: type[StrEnum], *, ends: bool
) -> Iterator[str]:
    yield f"## {title}\n"
    yield "```mermaid"
    yield "stateDiagram-v2"
    if ends:
        yield f"    {_BEGIN} --> {next(iter(state_type))}"
    for letter, arrow in _lettered(arrows):
        yield f"    {arrow.source or _BEGIN} --> {arrow.target or _END}: {letter}. {arrow.event}"
    yield "```\n"
    yield "The states:\n"
    for state, meaning in meanings(state_type).items():
        yield f"- **{state}**: {meaning}"
    yield "\nThe arrows:\n"
    sentences = meanings(event_type)
    for letter, arrow in _lettered(arrows):
        yield f"- {_sentence(letter, arrow, sentences)}"
    yield ""


def _lettered(arrows: list[Arrow]) -> Iterator[tuple[str, Arrow]]:
    return ((chr(ord("a") + number), arrow) for number, arrow in enumerate(arrows))


def _sentence(letter: str, arrow: Arrow, sentences: Mapping[str, str]) -> str:
    source = arrow.source or "new"
    if arrow.target is None:
        course = f"{source}, then its record goes away"
    elif arrow.target is arrow.source:
        course = f"stays {source}"
    else:
        course = f"{source} becomes {arrow.target}"
    return f"**{letter}.** *{arrow.event}* ({course}): {sentences[arrow.event]}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
