"""What `docs/architecture.md` names exists, and dependencies point down."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from local.process import ROOT
from tests.support.world import SETTINGS

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
STOPS = re.findall(r"`(functions/[\w/]+\.py)` `(\w+)`", PAGE)
LAYERS = {
    "triggers": 4,
    "cli": 3,
    "web": 3,
    "workflows": 2,
    "core": 1,
    "tasks": 1,
    "text": 1,
    "language": 1,
    "reading": 1,
    "storage": 1,
}
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


def test_records_are_changed_in_lifecycle_only() -> None:
    """Workflows and planning call named functions; what they replace themselves are parts of a document's text."""
    elsewhere = [
        path.relative_to(ROOT).as_posix()
        for folder in ("workflows", "triggers", "storage", "language")
        for path in (ROOT / "functions" / folder).glob("*.py")
        if "structs.replace(" in path.read_text("utf-8")
    ]
    assert elsewhere == ["functions/workflows/intake.py"]
    assert "structs.replace(" not in (ROOT / "functions" / "core" / "planning.py").read_text("utf-8")


def test_types_are_read_in_one_place() -> None:
    """msgspec must not be asked for a type elsewhere: see `functions/typed_data.py`."""
    asking = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "functions").rglob("*.py")
        if path.name != "typed_data.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (name := ast.unparse(node.func)).startswith("msgspec.")
        and (
            name.endswith((".convert", ".Decoder"))
            or (name.endswith(".decode") and (len(node.args) > 1 or bool(node.keywords)))
        )
    ]
    assert asking == []


def test_workflows_load_no_client() -> None:
    """They take their collaborators; only `app.py` knows the clients of the storage and of the service."""
    names = [path.stem for path in (ROOT / "functions" / "workflows").glob("*.py")]
    code = "import sys\n" + "".join(f"import functions.workflows.{name}\n" for name in sorted(names))
    code += "print([name for name in sys.modules if name.split('.')[0] in ('azure', 'requests', 'urllib3')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_app_starts_without_extractors() -> None:
    """Neither their modules nor their libraries are loaded before the first file."""
    code = "import sys, function_app\nprint([name for name in sys.modules if name.startswith('functions.text.formats.')"
    code += " or name.split('.')[0] in ('pypdfium2', 'selectolax', 'olefile')])"
    environment = {**os.environ, **SETTINGS}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=environment)  # fmt: skip
    assert done.stdout.strip() == "['functions.text.formats.locations']"


def loaded_after(code: str, *packages: str, **settings: str) -> list[str]:
    """Return which packages are loaded after some code has run in a process of its own."""
    code += f"\nimport sys\nprint([name for name in {packages!r} if name in sys.modules])"
    environment = {**os.environ, **SETTINGS, **settings}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                          env=environment)  # fmt: skip
    return list(ast.literal_eval(done.stdout.strip()))


@pytest.mark.parametrize("web", ["off", "key", "open"])
def test_app_starts_without_starlette(web: str) -> None:
    """The page is loaded at its first request, so that instances for other triggers start as fast as before."""
    settings = {"WEB": web, "WEBSITE_HOSTNAME": "localhost:7071"}
    assert loaded_after("import function_app", "starlette", "anyio", "functions.web.application", **settings) == []


def test_first_request_loads_starlette() -> None:
    code = "import function_app\nfrom functions.web.lazy import load_page\nload_page(function_app.entity_drop.web)"
    assert loaded_after(code, "starlette", "functions.web.application", WEB="key") == [
        "starlette",
        "functions.web.application",
    ]


def test_no_two_modules_share_a_name() -> None:
    """Except a trigger, a workflow and a command of the same use case."""
    paths = [path for path in (ROOT / "functions").rglob("*.py") if path.stem != "__init__"]
    names = Counter(path.stem for path in paths if path.parent.name not in ("triggers", "cli"))
    assert [name for name, count in names.items() if count > 1] == []


def test_core_has_no_effects() -> None:
    """No I/O, no locks, no clock, no randomness of its own: what it needs is an argument."""
    effects = {"threading", "time", "os", "io", "socket", "subprocess", "requests", "azure", "logging", "concurrent"}
    found = [
        (path.name, name)
        for path in (ROOT / "functions" / "core").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
        if name.split(".")[0] in effects
    ]
    assert found == []
    sources = [path.read_text("utf-8") for path in (ROOT / "functions" / "core").glob("*.py")]
    assert not any(re.search(r"datetime\.now|utcnow|random\.random", source) for source in sources)
