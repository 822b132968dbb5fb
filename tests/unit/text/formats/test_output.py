import pytest

from functions.errors import Warning
from functions.text.formats import extraction
from functions.text.formats.extraction import Limits, NotExtractable, Output, Reason


def output(**limits: int) -> Output:
    return Output(limits=Limits(**limits))


def failed() -> NotExtractable:
    return NotExtractable(Reason.DAMAGED, "It is damaged.")


def write_half(found: Output) -> None:
    with found.within("a"):
        found.place(page=1)
        found.write("half of it")
        raise failed()


def test_parts_have_paths_and_blank_lines_between_them() -> None:
    found = output()
    found.place(page=1)
    found.write("mail")
    with found.within("a.zip"):
        with found.within("b.txt"):
            found.write("text\n")
        with found.within("c.txt"):
            found.place(page=3)
            found.write("more")
    extracted = found.extracted("eml")
    assert extracted.text == "mail\n\ntext\n\nmore"
    assert extracted.locations.at(0) == {"page": 1}
    assert extracted.locations.at(6) == {"part": "a.zip/b.txt"}
    assert extracted.locations.at(12) == {"part": "a.zip/c.txt", "page": 3}


def test_part_that_fails_is_taken_back() -> None:
    found = output()
    found.write("before")
    found.place(page=2)
    with pytest.raises(NotExtractable):
        write_half(found)
    found.write("after")
    extracted = found.extracted("zip")
    assert extracted.text == "beforeafter"
    assert (extracted.locations.starts, extracted.locations.places) == ((6,), ({"page": 2},))
    assert found.path == ""


def test_level_over_the_limit_is_refused() -> None:
    found = output(levels=2)
    with found.within("a"), pytest.raises(NotExtractable) as caught, found.within("b"):
        pass
    assert (caught.value.limit, caught.value.allowed) == ("levels", 2)


@pytest.mark.parametrize("count", ["count_pages", "count_entries", "count_unpacked"])
def test_counts_go_over_all_levels(count: str) -> None:
    found = output(pages=10, entries=10, unpacked_bytes=10)
    getattr(found, count)(6)
    with pytest.raises(NotExtractable) as caught, found.within("a"):
        getattr(found, count)(5)
    assert caught.value.reason is Reason.LIMIT


def test_full_map_gives_up_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "LOCATION_ENTRIES", 2)
    found = output()
    for sheet in ("A", "B"):
        for row in (1, 2, 3):
            found.place(sheet=sheet, row=row)
            found.write("x")
    assert found.extracted("xlsx").locations.places == (
        {"sheet": "A", "row": 1},
        {"sheet": "A", "row": 2},
        {"sheet": "A"},
        {"sheet": "B"},
    )


def test_halves_of_characters_are_replaced() -> None:
    found = output()
    found.write("a\ud83d")
    assert found.extracted("json").text == "a\ufffd"


def test_warnings_are_bounded() -> None:
    found = output()
    for number in range(500):
        found.warn(Warning("PartNotRead", str(number)))
    assert len(found.warnings) == 101
    assert found.warnings[-1].code == "MoreWarnings"


def test_blankness_is_judged_from_a_position() -> None:
    found = output()
    found.write("text")
    begin = found.length
    found.write(" \n")
    assert found.is_blank_from(begin)
    assert not found.is_blank_from(0)
