"""The deployment package: only what runs, installable everywhere the project promises, and complete by itself."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pathspec
import pytest
from packaging.requirements import Requirement

from tests.infra.templates import ROOT, app_settings, provision
from tests.infra.test_settings import concrete
from tests.infra.test_storage_names import containers, queues

pytestmark = pytest.mark.processes

PYTHONS = ("3.11", "3.12", "3.13")
"""The Python versions the project supports; the infrastructure deploys one of them."""

INDEX = """
import json, os, sys
package, dependencies = sys.argv[1:]
sys.path[:0] = [package, dependencies]
import function_app
functions = [
    {**function.get_trigger().get_dict_repr(), "name": function.get_function_name()}
    for function in function_app.app.get_functions()
]
foreign = sorted(
    {
        str(module.__file__)
        for module in sys.modules.values()
        if getattr(module, "__file__", None)
        and not os.path.realpath(module.__file__).startswith((package, dependencies, os.path.realpath(sys.base_prefix)))
    }
)
print(json.dumps({"functions": functions, "foreign": foreign}, default=str), flush=True)
os._exit(0)
"""
"""What the platform's worker does with a package first: import function_app.py and ask it for its functions.

It leaves without a goodbye, because telemetry is on: its exporter would try to reach Application Insights at the end.
"""


def package_files() -> list[str]:
    """Return the files that .funcignore leaves in, as paths in the package."""
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    kept = []
    for folder, folders, files in os.walk(ROOT):
        relative = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if not ignored.match_file(f"{relative / name}/")]
        kept += [str(relative / name) for name in files if not ignored.match_file(str(relative / name))]
    return sorted(kept)


def core_tools_keeps(name: str) -> bool:
    """Decide as Azure Functions Core Tools does (GitIgnoreParser.cs, read 2026).

    Every rule is a beginning of the path, `*` any text without a slash and `**` any text; a rule with `!` always wins.
    """

    def matches(rule: str) -> bool:
        pattern = re.escape(rule.removeprefix("/")).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
        return re.match(pattern, name) is not None

    lines = (ROOT / ".funcignore").read_text().splitlines()
    rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    kept = any(matches(rule[1:]) for rule in rules if rule.startswith("!"))
    return kept or not any(matches(rule) for rule in rules if not rule.startswith("!"))


def base_python() -> str:
    """Return the interpreter below the virtual environment, which sees none of its packages."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def pip(*arguments: str) -> str:
    """Run `pip install` with these arguments; return what it printed."""
    quiet = ("--quiet", "--disable-pip-version-check")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *quiet, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("package") / "package.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name in package_files():
            zipped.write(ROOT / name, name)
    return archive


@pytest.fixture(scope="module")
def dependencies(package: Path) -> Path:
    """Install the package's own requirements into an empty folder, as the platform's build does."""
    target = package.parent / "dependencies"
    requirements = package.parent / "requirements.txt"
    with zipfile.ZipFile(package) as zipped:
        requirements.write_bytes(zipped.read("requirements.txt"))
    pip("--no-compile", "--only-binary=:all:", "--target", str(target), "-r", str(requirements))
    return target


@pytest.fixture(scope="module")
def unpacked(package: Path) -> Path:
    folder = package.parent / "unpacked"
    shutil.unpack_archive(package, folder)
    return folder


@pytest.fixture(scope="module")
def indexed(unpacked: Path, dependencies: Path) -> dict[str, Any]:
    """Return what the worker finds in the unpacked package with the settings of the infrastructure."""
    return index(unpacked, dependencies)


def index(unpacked: Path, dependencies: Path, code: str = INDEX, **settings: str) -> dict[str, Any]:
    done = subprocess.run(
        [base_python(), "-I", "-S", "-c", code, str(unpacked.resolve()), str(dependencies.resolve())],
        env={
            **concrete(app_settings(provision())),
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            **settings,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_package_has_only_runtime_files() -> None:
    files = package_files()
    assert {"function_app.py", "host.json", "requirements.txt"} <= set(files)
    others = [name for name in files if name not in ("function_app.py", "host.json", "requirements.txt")]
    assert others
    page = {str(path.relative_to(ROOT)) for path in (ROOT / "functions/web/static").rglob("*") if path.is_file()}
    page |= {"functions/web/openapi.json", "functions/web/result_page.css", "functions/web/result_page.js"}
    assert page <= set(others)
    code = {name for name in others if name.startswith("functions/") and name.endswith(".py")}
    assert set(others) - code - page == set()


STRAYS = (
    "local.settings.json",
    ".env",
    ".azure/trial/.env",
    ".venv/lib/python3.11/site-packages/requests/api.py",
    "drop/letter.txt",
    "results/letter.entities.json",
    "labels-for-import.json",
    "notes.txt",
    "my_functions/extra.py",
    "tests/infra/test_package.py",
    "local/azurite.py",
)
"""What a developer's folder may hold besides the repository's files, and what of those does not run."""


@pytest.mark.parametrize("name", STRAYS)
def test_stray_files_stay_out_of_package(name: str) -> None:
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    assert ignored.match_file(name)
    assert not core_tools_keeps(name)


def test_core_tools_takes_same_files() -> None:
    assert [name for name in package_files() if not core_tools_keeps(name)] == []


def test_package_size_is_printed(package: Path, dependencies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpacked = sum(path.stat().st_size for path in dependencies.rglob("*") if path.is_file())
    size = package.stat().st_size
    with capsys.disabled():
        print(
            f"\ndeployment package: {len(package_files())} files, {size / 1024:.0f} KiB zipped; "
            f"its dependencies: {unpacked / 2**20:.1f} MiB unpacked"
        )
    assert size < 2**20


def test_package_alone_has_every_function(indexed: dict[str, Any]) -> None:
    assert {function["name"]: function["type"] for function in indexed["functions"]} == {
        "submit": "blobTrigger",
        "advance": "queueTrigger",
        "rescue_document": "queueTrigger",
        "rescue_job": "queueTrigger",
        "sweep": "timerTrigger",
        "reconcile": "timerTrigger",
    }


def test_package_serves_page_where_asked_for(unpacked: Path, dependencies: Path) -> None:
    """Only with a key for the API, and with what the page is made of."""
    load = INDEX.replace(
        "foreign =", "from functions.web.lazy import load_page\nload_page(function_app.entity_drop.web)\nforeign ="
    )
    found = index(unpacked, dependencies, load, WEB="key")
    levels = {one["name"]: one["authLevel"] for one in found["functions"] if one["type"] == "httpTrigger"}
    assert levels == {"web_api": "FUNCTION", "web_page": "ANONYMOUS"}
    assert found["foreign"] == []


def test_package_needs_only_python(indexed: dict[str, Any]) -> None:
    assert indexed["foreign"] == []


def test_every_trigger_finds_its_target(indexed: dict[str, Any]) -> None:
    deployment = provision()
    settings = app_settings(deployment)

    def resolved(expression: str) -> str:
        for name, value in settings.items():
            expression = expression.replace(f"%{name}%", value)
        return expression

    for function in indexed["functions"]:
        if function["type"] == "blobTrigger":
            assert resolved(function["path"]).split("/")[0] in containers(deployment)
            assert function["source"] == "EventGrid"
        elif function["type"] == "queueTrigger":
            assert resolved(function["queueName"]) in queues(deployment)
        else:
            continue
        for part in ("blobServiceUri", "queueServiceUri"):
            assert f"{function['connection']}__{part}" in settings


def test_deployed_python_is_supported() -> None:
    runtime = provision().one("Microsoft.Web/sites").body["properties"]["functionAppConfig"]["runtime"]
    assert runtime["version"] in PYTHONS


@pytest.mark.parametrize("version", PYTHONS)
def test_requirements_resolve_on_every_python(version: str, tmp_path: Path) -> None:
    """Binary packages only: the platform's build machine need not have a compiler.

    pip reads the markers of the requirements for the Python it runs on, so they are worked out here for the other one.
    """
    environment = {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": "linux"}
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    wanted = [
        f"{requirement.name}{requirement.specifier}"
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    platform = ("--implementation", "cp", "--python-version", version, "--platform", "manylinux2014_x86_64")
    target = ("--target", str(tmp_path), "--ignore-installed", "--only-binary=:all:")
    report = pip("--dry-run", "--report", "-", *target, *platform, *wanted)
    resolved = {item["metadata"]["name"]: item["metadata"]["version"] for item in json.loads(report)["install"]}
    assert {Requirement(item).name.lower() for item in wanted} <= {name.lower() for name in resolved}
    # The 1.x line serves Python up to 3.12, the 2.x line later ones.
    assert resolved["azure-functions"].startswith("2." if version == "3.13" else "1.")
