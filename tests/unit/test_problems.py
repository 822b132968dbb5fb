"""The catalogue of problems is whole, is the only place of its codes, and is what docs/problems.md shows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from docs.generate.problems import PAGE, page
from functions import problems
from functions.errors import Fault, Problem, Warning
from functions.language.error_codes import FAULTS
from functions.problems import PROBLEMS, WARNINGS, ProblemKind, RefusalKind, WarningKind
from local.process import ROOT

Kind = ProblemKind | WarningKind | RefusalKind

CATALOGUE = ROOT / "functions" / "problems.py"
NAMES = {name: kind for name, kind in vars(problems).items() if isinstance(kind, Kind)}
USERS = [path for path in sorted((ROOT / "functions").rglob("*.py")) if path != CATALOGUE]

every_kind = pytest.mark.parametrize("name", NAMES)


class Value:
    """Can be written in any way that a template may ask for."""

    def __format__(self, spec: str) -> str:
        return "x"


def templates(kind: Kind) -> list[str]:
    """Return the templates that are filled when something of the kind is made."""
    match kind:
        case ProblemKind():
            return [kind.code, kind.message, kind.help]
        case RefusalKind():
            return [kind.message, kind.help]
    return [kind.message]


def fields(kind: Kind) -> set[str]:
    return {name for template in templates(kind) for _, name, _, _ in Formatter().parse(template) if name}


def calls(path: Path) -> Iterator[tuple[str, set[str], int]]:
    """Yield the name of the kind, the fields and the line of each problem or warning that a module makes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name("problems"), attr=name), attr="problem" | "warning" | "refusal"
                )
            ):
                yield name, {word.arg or "**" for word in node.keywords} - {"service"}, node.lineno


# --- Each kind ---


def test_page_is_written_from_the_catalogue() -> None:
    """`python -m docs.generate.problems` writes the page anew."""
    assert PAGE.read_text("utf-8") == page()


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in NAMES.values() if not getattr(kind, "is_variant", False) and "{" not in kind.code]
    assert sorted(codes) == sorted(set(codes))
    assert len(codes) > 40


@every_kind
def test_a_code_is_a_word_or_passed_on(name: str) -> None:
    kind = NAMES[name]
    # Those of requests are what the page's contract names them.
    form = "[a-z]+(_[a-z]+)*" if isinstance(kind, RefusalKind) else r"[A-Z][A-Za-z0-9]+|\{(service|storage|last)_code\}"
    assert re.fullmatch(form, kind.code)


@every_kind
def test_a_variant_follows_the_kind_it_varies(name: str) -> None:
    kind = NAMES[name]
    earlier = list(NAMES.values())[: list(NAMES).index(name)]
    is_variant = not isinstance(kind, RefusalKind) and kind.is_variant
    assert is_variant == (kind.code in {each.code for each in earlier if "{" not in each.code})


@every_kind
def test_message_and_help_are_sentences(name: str) -> None:
    kind = NAMES[name]
    for text in (kind.message, kind.help):
        assert re.match(r"[A-Z{]", text)
        assert "  " not in text and "\n" not in text and "|" not in text
    # Words of the service, and sentences about a file, are passed on as they are.
    assert kind.message.endswith((".", "{reason}", "{detail}"))
    assert kind.help.endswith(".")


@every_kind
def test_every_template_can_be_filled(name: str) -> None:
    filled = {field: Value() for field in fields(NAMES[name])}
    for template in templates(NAMES[name]):
        assert "{" not in template.format(**filled)


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.code)
def test_what_is_the_documents_fault_does_not_pass(kind: ProblemKind) -> None:
    assert not (kind.fault is Fault.DOCUMENT and kind.is_transient)


# --- Who uses them ---


@pytest.mark.parametrize("path", sorted((ROOT / "functions").rglob("*.py")), ids=lambda path: path.stem)
def test_every_call_gives_the_fields_of_its_kind(path: Path) -> None:
    wrong = [(name, line) for name, given, line in calls(path) if given != fields(NAMES[name])]
    assert wrong == []


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.stem)
def test_no_other_module_makes_or_spells_problems(path: Path) -> None:
    own_codes = {kind.code for kind in NAMES.values()}
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name("Problem")):
                found.append(node.lineno)
            case ast.Constant(str(text)) if text in own_codes:
                found.append(node.lineno)
    assert found == []


# --- Problems and warnings ---


def test_a_problem_is_filled_in() -> None:
    assert problems.TOO_LARGE.problem(size=1_048_577, limit=1_048_576) == Problem(
        "TooLarge",
        "The document has 1,048,577 bytes; the limit is 1,048,576.",
        "Split it before dropping it, or raise the setting MAX_DOCUMENT_BYTES.",
        None,
        Fault.DOCUMENT,
    )


def test_values_are_not_read_as_templates() -> None:
    assert problems.THROTTLED.problem(reason="{status} {0} {").message.endswith(": {status} {0} {")


def test_service_code_and_error_are_passed_on() -> None:
    error = {"code": "InvalidDocument", "message": "It is empty."}
    problem = problems.DOCUMENT_REFUSED.problem(service=error, service_code="InvalidDocument", reason="It is empty.")
    assert (problem.code, problem.service) == ("InvalidDocument", error)


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(KeyError, match="limit"):
        problems.TOO_LARGE.problem(size=1)


def test_a_kind_matches_its_own_problems_only() -> None:
    slow, failed = problems.STORAGE_SLOW.problem(), problems.STEP_FAILED.problem(error="KeyError")
    assert problems.STEP_FAILED.matches(failed)
    assert not problems.STEP_FAILED.matches(slow)
    assert not problems.STEP_FAILED.matches(None)


def test_a_kind_matches_its_variants() -> None:
    assert problems.STORAGE_FAILED.matches(problems.CAUSE_NOT_KEPT.problem())
    assert problems.CAUSE_NOT_KEPT.matches(problems.STORAGE_FAILED.problem(error="ServerBusy"))


def test_only_doubtful_texts_need_review() -> None:
    needs_review = {kind.code for kind in WARNINGS if problems.needs_review(Warning(kind.code, ""))}
    assert needs_review == {"EncodingDoubtful", "PagesDoubtful", "RedactionIncomplete"}


# --- The page ---


@pytest.mark.parametrize("code", [*FAULTS, *(kind.code for kind in NAMES.values() if "{" not in kind.code)])
def test_page_has_every_code(code: str) -> None:
    assert f"| `{code}` |" in page()


def test_page_shows_no_template() -> None:
    assert "{" not in page()
