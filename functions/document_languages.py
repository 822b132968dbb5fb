"""The language codes that documents may be sent with."""

import re

_CODES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id it ja "
    "jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my nb ne nl no or pa pl ps pt ro ru sa sd si sk sl so sq sr "
    "su sv sw ta te th tl tr ug uk ur uz vi xh yi zh zu"
)
LANGUAGES = frozenset(_CODES.split())
"""The languages of "Language support for custom named entity recognition" (learn.microsoft.com, page of 2026-08-19),
by their first part. The page has `en-us`, `pt-br`, `pt-pt` and `zh-hans`; projects are also made with
`en` (docs/language-api.md), so a language counts with or without its region. `no` is the older code of `nb`."""

AUTO = "auto"
"""Lets the service detect the language, from API version 2022-07-01-preview on ("How to use Language features
asynchronously", learn.microsoft.com, page of 2025-11-18)."""

_CODE = re.compile(r"([A-Za-z]{2})(-[A-Za-z]{4})?(-[A-Za-z]{2}|-[0-9]{3})?")
"""Language, script and region of BCP 47 (RFC 5646); the service knows no further parts."""


def language_code(text: str) -> str:
    """Return a language code as given (`de`, `pt-BR`, `zh-hans`, `auto`); raise `ValueError` for any other text.

    The language must be one of `LANGUAGES`. Script and region need only be well formed: which of them a project
    accepts is not documented, and a model learns from the language.
    """
    found = _CODE.fullmatch(text)
    if text.lower() == AUTO:
        return AUTO
    if not found:
        raise ValueError("a code such as en, pt-BR or zh-hans")
    if found[1].lower() not in LANGUAGES:
        raise ValueError("the code of a language that custom entity recognition supports, such as en, pt-BR or zh-hans")
    return text
