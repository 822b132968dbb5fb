import pytest

from functions.document_languages import LANGUAGES, language_code


def test_table_matches_documentation() -> None:
    """The page of 2026-08-19 has 93 rows, two of them for `pt`; `no` comes beside `nb`."""
    assert len(LANGUAGES) == 93
    assert all(len(code) == 2 for code in LANGUAGES)


@pytest.mark.parametrize("code", ["en", "EN", "en-US", "pt-br", "zh-hans", "zh-Hans-CN", "zh-hant", "es-419", "nb"])
def test_listed_code_is_kept(code: str) -> None:
    assert language_code(code) == code


@pytest.mark.parametrize("code", ["auto", "Auto", "AUTO"])
def test_auto_is_written_in_one_way(code: str) -> None:
    assert language_code(code) == "auto"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e",
        "eng",
        "english",
        "en_US",
        "en-",
        "-en",
        "en-USA",
        "en-x-private",
        "en us",
        "xx",
        "qq-DE",
        "ｅｎ",
        "en\n",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as en, pt-BR or zh-hans"):
        language_code(text)
