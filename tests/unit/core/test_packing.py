import json
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from functions.core.packing import MAX_REQUEST_BYTES, MAX_REQUEST_DOCUMENTS, Load, json_size, pack
from functions.core.work import WorkSpec
from functions.language.payloads import submission_body
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from tests.support.material import any_text, work


class Item(NamedTuple):
    number: int
    text: str
    work: WorkSpec = work()
    done: tuple[str, ...] = ()


def items(*lengths: int) -> list[Item]:
    return [Item(number, "x" * length) for number, length in enumerate(lengths)]


def numbers(packed: list[list[Item]]) -> list[list[int]]:
    return [[item.number for item in load] for load in packed]


def test_only_equal_work_shares_a_request() -> None:
    german = work(DOCUMENT_LANGUAGE="de")
    mixed = [Item(0, "a"), Item(1, "b", german), Item(2, "c"), Item(3, "d", german)]
    assert numbers(pack(mixed)) == [[0, 2], [1, 3]]


def test_only_equal_open_tasks_share_a_request() -> None:
    mixed = [Item(0, "a"), Item(1, "b", done=("pii",)), Item(2, "c"), Item(3, "d", done=("pii",))]
    assert numbers(pack(mixed)) == [[0, 2], [1, 3]]


def test_nothing_makes_no_request() -> None:
    assert pack([]) == []


def test_25_documents_fill_request() -> None:
    assert [len(load) for load in pack(items(*[10] * 25))] == [25]
    assert [len(load) for load in pack(items(*[10] * 26))] == [25, 1]
    assert [len(load) for load in pack(items(*[10] * 1_000))] == [25] * 40


def test_character_limit_is_inclusive() -> None:
    assert numbers(pack(items(100_000, 25_000))) == [[0, 1]]
    assert numbers(pack(items(100_000, 25_001))) == [[0], [1]]


def test_character_limit_implies_byte_limit() -> None:
    """A control character takes six bytes on the wire, more than any other; 125,000 of them are still under 1 MB."""
    worst = Load[Item]()
    for item in (Item(number, "\x01" * 5_000) for number in range(25)):
        assert worst.takes(item)
        worst.add(item)
    assert worst.characters == MAX_REQUEST_CHARACTERS
    assert worst.bytes < MAX_REQUEST_BYTES
    assert json_size("\x01" * MAX_REQUEST_CHARACTERS) < MAX_REQUEST_BYTES


def test_small_document_fills_gap() -> None:
    assert numbers(pack(items(100_000, 100_000, 20_000, 24_000, 1_000))) == [[0, 2, 4], [1, 3]]


def test_load_is_full_by_documents_or_characters() -> None:
    load: Load[Item] = Load()
    for item in items(*[1] * (MAX_REQUEST_DOCUMENTS - 1)):
        load.add(item)
    assert not load.is_full
    load.add(Item(24, "x"))
    assert load.is_full and not load.takes(Item(25, ""))
    load = Load()
    load.add(Item(0, "x" * (MAX_REQUEST_CHARACTERS - 1)))
    assert not load.is_full and load.takes(Item(1, "x")) and not load.takes(Item(1, "xx"))
    load.add(Item(1, "x"))
    assert load.is_full


lengths = st.lists(st.one_of(st.integers(0, 12_000), st.integers(0, MAX_REQUEST_CHARACTERS)), max_size=120)


@given(lengths)
def test_documents_are_packed_once_in_order(given_lengths: list[int]) -> None:
    """Within all limits."""
    packed = pack(items(*given_lengths))
    assert sorted(number for load in numbers(packed) for number in load) == [*range(len(given_lengths))]
    for load in packed:
        assert [item.number for item in load] == sorted(item.number for item in load)
        assert 1 <= len(load) <= MAX_REQUEST_DOCUMENTS
        assert sum(len(item.text) for item in load) <= MAX_REQUEST_CHARACTERS


@given(lengths)
def test_no_earlier_request_had_room(given_lengths: list[int]) -> None:
    packed = pack(items(*given_lengths))
    for position, load in enumerate(packed):
        for earlier in packed[:position]:
            # What the earlier request held when this document was looked at is the part with smaller numbers.
            for item in load:
                before = [other for other in earlier if other.number < item.number]
                assert (
                    len(before) == MAX_REQUEST_DOCUMENTS
                    or sum(len(other.text) for other in before) + len(item.text) > MAX_REQUEST_CHARACTERS
                )


@given(st.lists(any_text, min_size=1, max_size=25))
def test_real_request_is_within_estimate(texts: list[str]) -> None:
    load: Load[Item] = Load()
    for number, text in enumerate(texts):
        load.add(Item(number, text))
    body = submission_body(work(), "0" * 64, texts)
    assert len(body) <= load.bytes
    assert [document["text"] for document in json.loads(body)["analysisInput"]["documents"]] == texts
