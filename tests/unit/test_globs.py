import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.globs import literal_beginning, longest_literal, matches


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("loans/**", "loans/a.txt"),
        ("loans/**", "loans/2021/05/a.txt"),
        ("**", "a.txt"),
        ("**", "a/b.txt"),
        ("**/*.txt", "a.txt"),
        ("**/*.txt", "a/b/c.txt"),
        ("*.txt", "a.txt"),
        ("loans/*/a.txt", "loans/2021/a.txt"),
        ("loans/**/a.txt", "loans/a.txt"),
        ("loans/**/a.txt", "loans/x/y/a.txt"),
        ("lo?ns/a", "loans/a"),
        ("a*c*e", "abcde"),
        ("a*", "a"),
        ("[a].txt", "[a].txt"),
        ("loans/", "loans/"),
    ],
)
def test_pattern_matches_name(pattern: str, name: str) -> None:
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("loans/**", "loans"),
        ("loans/**", "Loans/a.txt"),
        ("loans/**", "my/loans/a.txt"),
        ("*.txt", "loans/a.txt"),
        ("loans/*", "loans/2021/a.txt"),
        ("loans/*/a.txt", "loans/a.txt"),
        ("lo?ns", "lons"),
        ("a*c", "abd"),
        ("[a].txt", "a.txt"),
        ("loans", "loans/a.txt"),
    ],
)
def test_pattern_matches_no_other_name(pattern: str, name: str) -> None:
    assert not matches(pattern, name)


# As the page about rules says it, in the shortest way, however long that takes.


def means(pattern: list[str], segments: list[str]) -> bool:
    if not pattern or not segments:
        return not pattern and not segments
    first, *rest = pattern
    if first == "**":
        return any(means(rest or ["**"], segments[taken:]) for taken in range(1, len(segments))) or (
            not rest or means(rest, segments)
        )
    return fits(first, segments[0]) and means(rest, segments[1:])


def fits(pattern: str, segment: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), segment, re.DOTALL))


PATTERNS = st.lists(st.sampled_from(["**", "*", "?", "a", "b", "a*", "*b", "a?b", "***", "[a]", "", "\n"]), max_size=6)
NAMES = st.text("ab/[]\n", max_size=10)


@given(PATTERNS, NAMES)
def test_patterns_mean_what_page_says(pattern: list[str], name: str) -> None:
    assert matches("/".join(pattern), name) == means(pattern or [""], name.split("/"))


@given(PATTERNS, NAMES)
def test_matching_names_have_literals(pattern: list[str], name: str) -> None:
    joined = "/".join(pattern)
    if matches(joined, name):
        assert name.startswith(literal_beginning(joined))
        assert longest_literal(joined) in name


@pytest.mark.parametrize(
    ("pattern", "beginning", "longest"),
    [("loans/2021/*.txt", "loans/2021/", "loans"), ("**/*.eml", "", ".eml"), ("**", "", ""), ("a?bcd*", "a", "bcd")],
)
def test_literals_of_pattern(pattern: str, beginning: str, longest: str) -> None:
    assert (literal_beginning(pattern), longest_literal(pattern)) == (beginning, longest)


@pytest.mark.parametrize(("pattern", "name"), [("*a" * 500, "a" * 1024 + "b"), ("**/a/" * 200 + "z", "a/" * 512 + "b")])
def test_no_pattern_takes_long(pattern: str, name: str) -> None:
    started = time.process_time()
    assert not matches(pattern, name)
    assert time.process_time() - started < 1
