"""What `docs/architecture.md` names exists, and dependencies point down."""

import ast
import re
from pathlib import Path

import pytest

from local.process import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
STOPS = re.findall(r"`(functions/[\w/]+\.py)` `(\w+)`", PAGE)
LAYERS = {"triggers": 3, "workflows": 2, "core": 1, "text": 1, "language": 1, "storage": 1}
"""A folder may import folders of its own layer and below."""


def test_named_files_exist() -> None:
    named = re.findall(r"`((?:functions|local|docs|tests|infra)[\w/.]*)`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(("file", "function"), STOPS)
def test_named_functions_exist(file: str, function: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_document_has_at_most_twelve_stops() -> None:
    assert 0 < len(re.findall(r"^\d+\. .*`functions/", PAGE, re.MULTILINE)) <= 12


def imports_of(path: Path) -> set[str]:
    """Return the folders of `functions/` that a module imports, and other packages of this repository."""
    here = path.relative_to(ROOT).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = list(here[: len(here) - node.level + 1]) if node.level else []
            parts = [*base, *(node.module or "").split(".")]
            found.add(parts[1] if parts[0] == "functions" and len(parts) > 1 else parts[0])
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "functions").rglob("*.py")), ids=lambda path: path.stem)
def test_dependencies_point_down(path: Path) -> None:
    imported = imports_of(path)
    assert not imported & {"local", "docs", "tests"}
    folder = path.relative_to(ROOT / "functions").parts[0]
    if folder in LAYERS:
        assert all(LAYERS.get(other, 0) <= LAYERS[folder] for other in imported)
