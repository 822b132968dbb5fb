"""How well letters follow each other in a language, which tells readings of the same bytes apart."""

import re

import pytest

from functions.text.decoding import decode
from functions.text.letters import FOLLOWERS, familiarity
from tests.support.encodings.followers import LANGUAGES, followers


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("peut être enregistré", "peut àtre enregistrÇ"),
        ("es les pàgines del", "es les pÓgines del"),
        ("la señora española", "la se–ora espa–ola"),
        ("Version über alles", "Version öber alles"),
        ("več možnosti", "veè možnosti"),
        ("täällä ja täältä", "tńńllń ja tńńltń"),
    ],
)
def test_words_are_more_familiar_than_misreadings(right: str, wrong: str) -> None:
    assert familiarity(right) > 0
    assert familiarity(right) > familiarity(wrong)


@pytest.mark.parametrize("text", ["", "ASCII only", "Ответ нужен", "Ответ naïf", "答复"])
def test_says_nothing_about_ascii_and_other_scripts(text: str) -> None:
    assert familiarity(text) == 0


def test_one_damaged_byte_does_not_outweigh_the_others() -> None:
    assert familiarity("peut ê\x00re enregistré à l’été") > 0


def test_lists_followers_from_the_commonest_to_the_rarest() -> None:
    assert followers("Ab ab, ac") == " a|abc|b "


def test_table_has_each_language_and_no_follower_twice() -> None:
    assert tuple(FOLLOWERS) == LANGUAGES
    for table in FOLLOWERS.values():
        for part in table.split("|"):
            assert len(set(part[1:])) == len(part[1:]) > 0
        assert not re.search(r"[0-9A-Z]", table)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("e\tpeut être enregist", "cp850"),
        ("es les pàgines del w", "cp1252"),
        ("Voit esikatxella %(model_name)s täällä:\nVoit esikatsella sivua täältä:", "cp1252"),
    ],
)
def test_short_text_is_read_by_its_language(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


FAROESE = (
    "Øll menniskju eru fødd fræls og jøvn til virðingar og mannarættindi. Tey hava skil og samvitsku og eiga at fara "
    "hvørt um annað í bróðuranda. "
)


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859_15"])
def test_language_without_table_is_read(encoding: str) -> None:
    assert "fo" not in FOLLOWERS
    assert decode((FAROESE * 12).encode(encoding)).text == FAROESE * 12
