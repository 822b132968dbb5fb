"""Ids stand for names, one for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.web.document_ids import LONGEST_ID, id_of, name_of

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024)


@given(NAMES.filter(lambda text: len(text.encode("utf-16-le")) <= 2048))
def test_id_leads_back_to_name(name: str) -> None:
    assert name_of(id_of(name)) == name
    assert len(id_of(name)) <= LONGEST_ID
    assert set(id_of(name)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "text", ["", "=", "YQ==", "YQ=", "a", "YR", "Y Q", "YQ\n", "gA", "é", "../x", "a" * (LONGEST_ID + 1), "YQ+/"]
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert name_of(text) is None


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    name = name_of(text)
    assert name is None or id_of(name) == text
