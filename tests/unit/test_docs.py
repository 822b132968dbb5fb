"""The pages lead somewhere: every link, path, section and make target that is named exists."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LANGUAGE_API = "docs/language-api.md"

#: A fenced block, or words between backticks.
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
PAGE_PATH = re.compile(r"(?<![\w./-])docs/[\w./-]+\.\w+")
#: `make check test` and `make chaos SEED=1`: the words before two spaces, a variable or the end.
MAKE = re.compile(r"(?:^|`|&& )make((?: [a-z]+(?:-[a-z]+)*\b(?!=))+)", re.MULTILINE)
SECTIONS = re.compile(r"docs/language-api\.md\W* ((?:\d(?:\.\d)?(?:, | and | to )?)+)")
#: Folders that exist on somebody's machine only; a web address may have such a part.
MACHINE_PATH = re.compile(r"(?<![\w.%>}-])(?:/(?:work|root|home/\w+|Users/\w+)/|[A-Z]:\\Users\\)")


@cache
def texts() -> dict[str, str]:
    """Return the text of every tracked file by its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [path for path in listed.split("\0") if path and (ROOT / path).is_file()]
    return {path: (ROOT / path).read_text("utf-8", errors="replace") for path in paths}


def markdown() -> list[str]:
    return [path for path in texts() if path.endswith(".md")]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text: str, page: Path) -> list[str]:
    """Return the relative links in the text of `page` whose file or heading does not exist."""
    broken = []
    for link in LINK.findall(CODE.sub("", text)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def sections(text: str) -> set[str]:
    """Return the sections of the page about the job API that a text cites, and those between "1 to 3"."""
    cited = set()
    for listed in SECTIONS.findall(re.sub(r"\n#?:? *", " ", text)):
        for first, last in re.findall(r"(\d(?:\.\d)?)(?: to (\d))?", listed):
            cited |= {str(number) for number in range(int(first), int(last) + 1)} if last else {first}
    return cited


def test_relative_links_have_targets() -> None:
    assert {path: broken for path in markdown() if (broken := broken_links(texts()[path], ROOT / path))} == {}


def test_named_pages_exist() -> None:
    named = {(path, page) for path, text in texts().items() for page in PAGE_PATH.findall(text)}
    assert ("README.md", "docs/deploy.md") in named
    assert {(path, page) for path, page in named if not (ROOT / page).exists()} == set()


def test_named_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", texts()["Makefile"], re.MULTILINE))
    named = {
        (path, target)
        for path in markdown()
        for code in CODE.findall(texts()[path])
        for words in MAKE.findall(code)
        for target in words.split()
    }
    assert {("README.md", "run"), ("README.md", "chaos"), ("docs/deploy.md", "test")} <= named
    assert {(path, target) for path, target in named if target not in targets} == set()


def test_contributing_matches_makefile() -> None:
    variables = {"$(PYTEST)": ".venv/bin/python -m pytest -n auto", "$(BIN)": ".venv/bin"}
    makefile = texts()["Makefile"]
    assert "PYTEST := $(BIN)/python -m pytest -n auto\n" in makefile
    for target in ("test", "test-quick", "chaos", "bench"):
        (command,) = re.findall(rf"^{target}: setup\n\t(.*)$", makefile, re.MULTILINE)
        for name, value in variables.items():
            command = command.replace(name, value)
        assert (
            f"`{command.replace('$(SEED) $(CHAOS)', '7').replace(' --durations 5', '').replace('QUICK_TESTS=1 ', '')}`"
            in texts()["CONTRIBUTING.md"]
        )


def test_cited_sections_exist() -> None:
    existing = set(re.findall(r"^##+ (\d(?:\.\d)?) ", texts()[LANGUAGE_API], re.MULTILINE))
    cited = {(path, section) for path, text in texts().items() if path.endswith(".py") for section in sections(text)}
    table = texts()["local/language_service/README.md"]
    cited |= {("README", section) for section in re.findall(r"\| (\d(?:\.\d)?) (?:REC|DOC|ISS)", table)}
    assert {("local/stand_in/text_units.py", "5.1"), ("README", "9")} <= cited
    assert {(path, section) for path, section in cited if section not in existing} == set()


def test_no_file_has_machine_path() -> None:
    found = {path: paths for path, text in texts().items() if (paths := MACHINE_PATH.findall(text))}
    assert found == {}


# --- the rules above find what they are for ---


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](README.md) [b](docs/deploy.md#stuck) [c](#settings) [d](https://example.net/x)", []),
        ("[a](nowhere.md)", ["nowhere.md"]),
        ("[a](docs/deploy.md#nowhere) [b](#nowhere)", ["docs/deploy.md#nowhere", "#nowhere"]),
        ("`[a](nowhere.md)`", []),
    ],
)
def test_broken_link_is_found(text: str, broken: list[str]) -> None:
    assert broken_links(text, ROOT / "README.md") == broken


@pytest.mark.parametrize(
    ("comment", "cited"),
    [
        ("for both (docs/language-api.md 1 to 3).", {"1", "2", "3"}),
        ("(docs/language-api.md 2 and 6)", {"2", "6"}),
        ("Joiners count one (docs/language-api.md\n    5.1).", {"5.1"}),
        ("all of docs/language-api.md.", set()),
    ],
)
def test_cited_section_is_read(comment: str, cited: set[str]) -> None:
    assert sections(comment) == cited


@pytest.mark.parametrize("start", ["/{}/", " /{}/", '"/{}/', "file:///{}/"])
@pytest.mark.parametrize("folder", ["root", "work", "home/ann", "Users/ann"])
def test_machine_path_is_found(start: str, folder: str) -> None:
    assert MACHINE_PATH.search(start.format(folder) + "app.py")
    assert not MACHINE_PATH.search(f"https://example.net/{folder}/app.py")
