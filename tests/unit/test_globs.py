import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.globs import matches


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


def as_expression(pattern: str) -> str:
    parts = [".*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("/")]
    return "/".join(parts)


@given(st.text("ab*/", max_size=8).filter(lambda text: "**" not in text), st.text("ab/", max_size=8))
def test_single_stars_are_as_in_expressions(pattern: str, name: str) -> None:
    assert matches(pattern, name) == bool(re.fullmatch(as_expression(pattern), name))


@pytest.mark.parametrize(("pattern", "name"), [("*a" * 500, "a" * 1024 + "b"), ("**/a/" * 200 + "z", "a/" * 512 + "b")])
def test_no_pattern_takes_long(pattern: str, name: str) -> None:
    started = time.perf_counter()
    assert not matches(pattern, name)
    assert time.perf_counter() - started < 1
