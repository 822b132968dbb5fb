"""File names of results: kept where every system can hold them, escaped where not, and never shared."""

import random
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.names import MAX_PATH_BYTES, MAX_SEGMENT_BYTES, escaped_path, is_safe, local_paths

SUFFIX = ".entities.json"
WINDOWS_REFUSES = set('<>:"|?*\\')
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}


def path_of(name: str, *others: str) -> str:
    return str(local_paths([name, *others])[name])


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "Invoice No. 1 [a] #%+,;=@!~.txt",
        "folder/with space/ä 漢字 😀.txt",
        "nul-device.txt",
        "console.txt",
        "com.txt",
        ".hidden",
        "a~0123.txt",
        "a~0123456789abcdeg.txt",
        "x" * (255 - len(SUFFIX)),
        "/".join("abc" for _ in range(100)),
    ],
)
def test_ordinary_names_stay(name: str) -> None:
    assert path_of(name + SUFFIX) == name + SUFFIX


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("a:b?.txt", "a%3Ab%3F.txt~"),
        ('<>"|*\\', "%3C%3E%22%7C%2A%5C~"),
        ("nul\0tab\tline\n\x7f\x9f", "nul%00tab%09line%0A%7F%C2%9F~"),
        ("lone \ud83d", "lone %ED%A0%BD~"),
        ("no character \ufffe", "no character %EF%BF%BE~"),
        ("100%: sure", "100%25%3A sure~"),
        ("CON", "%43ON~"),
        ("aux.txt", "%61ux.txt~"),
        ("lpt1 .x", "%6Cpt1 .x~"),
        ("COM¹", "%43OM¹~"),
        (" leading", "%20leading~"),
        ("x" * 256, "x" * 120 + "~"),
        ("ü" * 200, "ü" * 40 + "~"),
        ("a~0123456789abcdef", "a~0123456789abcdef~"),
        ("a~0123456789ABCDEF", "a~0123456789ABCDEF~"),
    ],
)
def test_impossible_names_are_escaped(name: str, readable: str) -> None:
    """Three bytes for each of the 40: macOS writes the letter and its mark one after the other."""
    path = path_of(name + SUFFIX)
    assert path.startswith(readable)
    assert path.endswith(SUFFIX)
    assert len(path) == len(readable) + 16 + len(SUFFIX)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("../x", 2),
        ("/x", 2),
        ("a/../../x", 4),
        ("a//x", 3),
        ("./x", 2),
        ("con/x", 2),
        ("trailing./x", 2),
        ("trailing /x", 2),
        ("a/" * 300 + "x", 301),
        ("a/" * 500 + "x", 1),
    ],
)
def test_impossible_folders_are_escaped(name: str, shape: int) -> None:
    path = local_paths([name + SUFFIX])[name + SUFFIX]
    assert len(path.parts) == shape
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.name.startswith("x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.txt", "a.txt"),
        ("Folder/x", "folder/x"),
        ("stra\u00dfe", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("K", "\u212a"),
        ("a\u200db", "ab"),
        ("\u0130", "i\u0307"),
    ],
)
def test_colliding_names_are_escaped(one: str, other: str) -> None:
    names = [one + SUFFIX, other + SUFFIX]
    paths = local_paths(names)
    assert [paths[name] for name in names] == [escaped_path(name) for name in names]
    assert paths[names[0]] != paths[names[1]]
    assert path_of(names[0]) == names[0]


def test_file_that_is_also_folder_is_escaped() -> None:
    names = ["a.entities.json", "A.entities.json/b.entities.json", "a.entities.json/con.entities.json"]
    paths = local_paths(names)
    assert paths[names[0]] == escaped_path(names[0])
    assert str(paths[names[1]]) == names[1]
    assert local_paths([names[0], names[2]])[names[0]] == escaped_path(names[0])


def test_escaped_file_and_folder_differ() -> None:
    names = ["con", "con/x", "con/con"]
    assert_apart(list(local_paths(names).values()))


def key(path: PurePosixPath) -> tuple[str, ...]:
    """What a system makes of a path that knows neither case nor spelling; written anew, as a second witness."""
    return tuple(unicodedata.normalize("NFC", part.casefold()).casefold() for part in path.parts)


def assert_apart(paths: list[PurePosixPath]) -> None:
    keys = [key(path) for path in paths]
    assert len(set(keys)) == len(keys)
    folders = {one[:n] for one in keys for n in range(1, len(one))}
    assert not folders & set(keys)


def assert_possible(path: PurePosixPath) -> None:
    assert not path.is_absolute()
    assert path.parts
    assert len(str(path).encode()) <= MAX_PATH_BYTES
    for part in path.parts:
        assert part not in (".", "..")
        assert not part.endswith((" ", "."))
        assert not set(part) & WINDOWS_REFUSES
        assert all(ord(char) >= 32 and ord(char) != 127 for char in part)
        assert part.split(".")[0].rstrip().lower() not in DEVICES
        for form in ("NFC", "NFD"):
            assert len(unicodedata.normalize(form, part).encode()) <= MAX_SEGMENT_BYTES


PARTS = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.text("aAbB.~/ :é\u0301ßſ\u200d", max_size=6),
    st.sampled_from(
        ["", ".", "..", "con", "CON", "a", "A", "x" * 300, "가" * 200, "a~0123456789abcdef", "~", "a" + SUFFIX]
    ),
    st.builds(str.__mul__, st.sampled_from(["a", "é", "가", ":"]), st.integers(0, 300)),
)
NAMES = st.builds(
    str.__add__, st.lists(PARTS, min_size=1, max_size=5).map("/".join), st.sampled_from([SUFFIX, ".error.json", ""])
)


@given(st.lists(NAMES, max_size=8))
def test_any_names_get_distinct_paths(names: list[str]) -> None:
    paths = local_paths(names)
    assert set(paths) == set(names)
    for path in paths.values():
        assert_possible(path)
    assert_apart(list(paths.values()))


@given(st.lists(NAMES, max_size=6))
def test_paths_do_not_depend_on_order(names: list[str]) -> None:
    shuffled = list(names)
    random.Random(1).shuffle(shuffled)
    assert local_paths(shuffled) == local_paths(names)


@given(st.lists(NAMES, max_size=6), NAMES)
def test_escaped_paths_never_collide(names: list[str], name: str) -> None:
    """A blob may be called after the file of another one."""
    names = [*names, name]
    again = [str(path) for path in local_paths(names).values()]
    assert_apart(list(local_paths([*names, *again]).values()))


@given(PARTS)
def test_safe_segments_are_possible(segment: str) -> None:
    if is_safe(segment):
        assert_possible(PurePosixPath(segment))
    assert_possible(escaped_path(segment))
