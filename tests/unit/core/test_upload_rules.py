"""Which names may be uploaded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.upload_rules import name_fault
from functions.text.offsets import UTF16, length


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "loans/2026/a b.txt",
        "<img src=x onerror=alert(1)>.txt",
        "100% a%2Fb?#&+.txt",
        "straße/日本/😀.txt",
        "dots...and.more..txt",
        "מכתב.txt",
        "a" * 1024,
        "/".join(["a"] * 254),
    ],
)
def test_usual_names_are_taken(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a" * 1025, "1,025 characters, the limit is 1,024"),
        ("😀" * 513, "1,026 characters"),
        ("/".join(["a"] * 255), "255 folders"),
        ("a\\b.txt", "backslash"),
        ("/a.txt", "slash"),
        ("a/", "slash"),
        ("a//b", "two in a row"),
        ("a.", "ends with a dot"),
        ("a./b", "ends with a dot"),
        ("..", "ends with a dot"),
        ("a\nb", "can not be shown"),
        ("a\x00", "can not be shown"),
        ("a\x85", "can not be shown"),
        ("a\ud800", "can not be shown"),
        ("a\ufffe", "can not be shown"),
    ],
)
def test_other_names_are_refused(name: str, reason: str) -> None:
    assert reason in (name_fault(name) or "")


@given(st.text())
def test_taken_names_fit_blobs(name: str) -> None:
    if name_fault(name) is None:
        assert 0 < length(name, UTF16) <= 1024
        assert name.encode()
        assert name.strip("/") == name
