"""Numbers and dates of sheets as they are shown, by the format codes of Excel.

Codes are read as the file has them: with a decimal point and English names of months. Formats that are shown
differently in each country, as the short date, and names in other languages give ISO dates: those are the same on every
machine.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

_ISO_DATE, _ISO_TIME = "yyyy-mm-dd", "hh:mm:ss"

BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: _ISO_DATE, 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 41: "#,##0", 42: "#,##0", 43: "#,##0.00", 44: "#,##0.00",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), _ISO_DATE),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), _ISO_TIME),
}  # fmt: skip
"""Formats without a code in the file, by their numbers."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_DAY = 2_958_466
"""Serial number after 31 December 9999."""
_LEAP_DAY = 60
"""29 February 1900, which never was, but has a number."""

_TOKEN = re.compile(
    r"""
    (?P<quoted>"[^"]*"?)
    |\\(?P<escaped>.)
    |_(?P<width>.)
    |\*(?P<fill>.)
    |\[(?P<bracket>[^\]]*)\]
    |(?P<general>General)
    |(?P<half>AM/PM|A/P)
    |(?P<exponent>E[+-])
    |(?P<date>y+|m+|d+|h+|s+)
    |(?P<digit>[0#?])
    |(?P<other>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+)$")
_ELAPSED = re.compile(r"h+|m+|s+$", re.IGNORECASE)
_LONGEST_CODE = 255
"""Characters, as in Excel."""
_MOST_DECIMALS = 30


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`literal`, `general`, `text`, `digit`, `point`, `comma`, `percent`, `exponent`, `slash`, `date`, `half`,
    `elapsed`."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: tuple[_Token, ...]
    condition: tuple[str, float] | None = None
    foreign: bool = False
    """Whether its names of months and days are those of another language than English."""

    def has(self, *kinds: str) -> bool:
        return any(each.kind in kinds for each in self.tokens)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A format code, read."""

    sections: tuple[_Section, ...]

    def number(self, value: float, *, from_1904: bool = False) -> str:
        """Return a number as it is shown; dates count from 1904 in some files."""
        section, shown = self._section_for(value)
        if section is None:
            return general(value)
        if section.has("date", "elapsed"):
            return _date(section, value, from_1904) or general(value)
        return _number(section, shown)

    def text(self, value: str) -> str:
        """Return a text as it is shown."""
        if len(self.sections) > 3 or self.sections[-1].has("text"):
            return "".join(value if each.kind == "text" else each.text for each in self.sections[-1].tokens).strip()
        return value

    def _section_for(self, value: float) -> tuple[_Section | None, float]:
        """Return the section for a number, and the number without the sign that the section itself stands for."""
        sections = self.sections[:3]
        if any(each.condition for each in sections):
            for each in sections:
                if each.condition is None or _holds(each.condition, value):
                    return each, value
            return None, value
        if value < 0 and len(sections) > 1:
            return sections[1], -value
        if value == 0 and len(sections) > 2:
            return sections[2], value
        return sections[0], value


@lru_cache(maxsize=1_000)
def number_format(code: str) -> NumberFormat:
    """Read a format code."""
    sections: list[_Section] = []
    tokens: list[_Token] = []
    condition: tuple[str, float] | None = None
    foreign = False
    for match in _TOKEN.finditer(code[:_LONGEST_CODE] or "General"):
        kind, text = str(match.lastgroup), match.group(match.lastgroup or 0)
        if kind == "other" and text == ";":
            sections.append(_Section(_dated(tokens), condition, foreign))
            tokens, condition, foreign = [], None, False
        elif kind == "bracket":
            found = _CONDITION.match(text)
            condition = _condition(found) if found else condition
            foreign = foreign or _is_foreign(text)
            tokens += _bracket(text)
        else:
            tokens.append(_token(kind, text))
    sections.append(_Section(_dated(tokens), condition, foreign))
    return NumberFormat(tuple(sections))


def general(value: float) -> str:
    """Return a number as it is shown without a format: up to ten digits, whole numbers with all of theirs."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    mantissa, _, exponent = f"{value:.10g}".partition("e")
    return f"{mantissa}E{exponent}" if exponent else mantissa


# --- reading codes ---


def _token(kind: str, text: str) -> _Token:
    if kind == "quoted":
        return _Token("literal", text.strip('"'))
    if kind == "width":
        return _Token("literal", " ")
    if kind == "fill":
        return _Token("literal")
    if kind in ("general", "half", "exponent", "digit"):
        return _Token(kind, text)
    if kind == "date":
        return _Token("date", text.lower())
    signs = {".": "point", ",": "comma", "%": "percent", "/": "slash", "@": "text"}
    return _Token(signs.get(text, "literal"), text)


def _bracket(text: str) -> list[_Token]:
    if _ELAPSED.fullmatch(text):
        return [_Token("elapsed", text.lower())]
    if text.startswith("$"):
        # A currency and a language, as in $€-407; F800 and F400 are the system's long date and time.
        currency, _, language = text[1:].partition("-")
        if language.upper().endswith(("F800", "F400")):
            return [_Token("system", "date" if language.upper().endswith("F800") else "time")]
        return [_Token("literal", currency)]
    return []


def _condition(found: re.Match[str]) -> tuple[str, float] | None:
    try:
        return found.group(1), float(found.group(2))
    except ValueError:
        return None


def _is_foreign(text: str) -> bool:
    """Whether the language of a bracket is another one than English, which is 9 in the lower ten bits."""
    language = text.rpartition("-")[2] if text.startswith("$") and "-" in text else ""
    if not re.fullmatch("[0-9a-fA-F]{1,8}", language):
        # Newer files have names, as de-DE.
        return text.startswith("$-") and not text.lower().startswith("$-en") and bool(text[2:])
    code = int(language, 16) & 0x3FF
    return code not in (0, 9)


def _dated(tokens: list[_Token]) -> tuple[_Token, ...]:
    """Tell months from minutes, and what is a sign in dates from what is one in numbers."""
    if any(each.kind == "system" for each in tokens):
        name = next(each.text for each in tokens if each.kind == "system")
        return number_format(_ISO_DATE if name == "date" else _ISO_TIME).sections[0].tokens
    if not any(each.kind in ("date", "elapsed") for each in tokens):
        return tuple(tokens)
    times = [index for index, each in enumerate(tokens) if each.kind in ("date", "elapsed")]
    found = list(tokens)
    for position, index in enumerate(times):
        token = found[index]
        before = found[times[position - 1]].text[0] if position else ""
        after = found[times[position + 1]].text[0] if position + 1 < len(times) else ""
        if token.kind == "date" and token.text in ("m", "mm") and (before == "h" or after == "s"):
            found[index] = _Token("date", "n" * len(token.text))
    return tuple(found)


def _holds(condition: tuple[str, float], value: float) -> bool:
    sign, limit = condition
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }[sign]


# --- numbers ---


def _number(section: _Section, value: float) -> str:
    if not section.has("digit"):
        # A text in place of the number; or the number as it is.
        shown = "".join(general(value) if each.kind in ("general", "text") else each.text for each in section.tokens)
        return shown.strip()
    if section.has("slash") and not section.has("point", "exponent"):
        return _fraction(section, value)
    return _decimal(section, value).strip()


def _decimal(section: _Section, value: float) -> str:
    tokens = section.tokens
    digits = [index for index, each in enumerate(tokens) if each.kind == "digit"]
    exponent_at = next((index for index, each in enumerate(tokens) if each.kind == "exponent"), len(tokens))
    point_at = next((index for index, each in enumerate(tokens) if each.kind == "point"), exponent_at)
    whole = [index for index in digits if index < point_at]
    decimals = [index for index in digits if point_at < index < exponent_at]
    scaled = Decimal(f"{value:.15g}")
    scaled *= 100 ** sum(each.kind == "percent" for each in tokens)
    exponent = 0
    if exponent_at < len(tokens):
        exponent = _exponent_of(scaled, max(len(whole), 1))
        scaled = scaled.scaleb(-exponent)
    else:
        scaled = scaled.scaleb(-3 * _scaling_commas(tokens, digits))
    try:
        rounded = scaled.quantize(Decimal(1).scaleb(-min(len(decimals), _MOST_DECIMALS)), ROUND_HALF_UP)
    except InvalidOperation:
        return general(value)
    sign = "-" if rounded < 0 else ""
    integer, _, fraction = f"{abs(rounded):f}".partition(".")
    has_thousands = any(
        each.kind == "comma" and whole and whole[0] < index < whole[-1] for index, each in enumerate(tokens)
    )
    shown = _whole_digits(tokens, whole, integer, has_thousands) | _decimal_digits(tokens, decimals, fraction)
    if exponent_at < len(tokens):
        shown |= _exponent_digits(tokens, [index for index in digits if index > exponent_at], exponent)
        plus = tokens[exponent_at].text[1] == "+"
        shown[exponent_at] = "E" + ("-" if exponent < 0 else "+" if plus else "")
    # A point whose digits are all optional and absent stays, as in Excel.
    parts = [
        shown.get(index, "" if each.kind in ("digit", "comma") else each.text) for index, each in enumerate(tokens)
    ]
    return sign + "".join(parts)


def _exponent_of(value: Decimal, whole: int) -> int:
    if not value:
        return 0
    exponent = value.adjusted()
    # With several digits before the point the exponent is a multiple of their number.
    return exponent - exponent % whole if whole > 1 else exponent


def _scaling_commas(tokens: tuple[_Token, ...], digits: list[int]) -> int:
    """Return how many commas follow the last digit: each divides by a thousand."""
    count = 0
    for each in tokens[digits[-1] + 1 :]:
        if each.kind != "comma":
            break
        count += 1
    return count


def _whole_digits(tokens: tuple[_Token, ...], places: list[int], integer: str, thousands: bool) -> dict[int, str]:
    """Put the digits of a whole number at their places from the right; the first one takes all that are left."""
    digits = "" if integer == "0" else integer
    if not places:
        return {}
    shown: dict[int, str] = {}
    count = 0
    for index in reversed(places):
        taken, digits = (digits, "") if index == places[0] else (digits[-1:], digits[:-1])
        taken = taken or {"0": "0", "?": " "}.get(tokens[index].text, "")
        separated = ""
        for digit in reversed(taken):
            if thousands and count and count % 3 == 0:
                separated = "," + separated
            separated = digit + separated
            count += 1
        shown[index] = separated
    return shown


def _decimal_digits(tokens: tuple[_Token, ...], places: list[int], fraction: str) -> dict[int, str]:
    kept = len(fraction.rstrip("0"))
    shown = {}
    for position, index in enumerate(places):
        optional = {"#": "", "?": " "}.get(tokens[index].text)
        digit = fraction[position : position + 1]
        shown[index] = digit if position < kept or optional is None else optional
    return shown


def _exponent_digits(tokens: tuple[_Token, ...], places: list[int], exponent: int) -> dict[int, str]:
    digits = str(abs(exponent)).rjust(len(places), "0")
    shown = {index: digits[len(digits) - len(places) + position] for position, index in enumerate(places)}
    if places:
        shown[places[0]] = digits[: len(digits) - len(places) + 1]
    return shown


def _fraction(section: _Section, value: float) -> str:
    tokens = section.tokens
    slash = next(index for index, each in enumerate(tokens) if each.kind == "slash")
    before = [index for index, each in enumerate(tokens[:slash]) if each.kind == "digit"]
    after = [each.text for each in tokens[slash + 1 :] if each.kind == "digit"]
    fixed = "".join(each.text for each in tokens[slash + 1 :] if each.kind in ("digit", "literal")).strip()
    # Whether a whole number stands in front: then its digits are apart from those of the numerator.
    has_whole = any(tokens[index].kind == "literal" for index in range(before[0], slash)) if before else False
    exact = Fraction(abs(value)) if abs(value) < 1e15 else Fraction(0)
    whole = int(exact) if has_whole else 0
    rest = exact - whole
    if fixed.isdecimal() and int(fixed):
        denominator = int(fixed)
        numerator = round(rest * denominator)
    else:
        nearest = rest.limit_denominator(10 ** max(1, min(len(after), 5)) - 1)
        numerator, denominator = nearest.numerator, nearest.denominator
    if has_whole and numerator == denominator:
        whole, numerator = whole + 1, 0
    sign = "-" if value < 0 else ""
    if has_whole and not numerator:
        return f"{sign}{whole}"
    return f"{sign}{f'{whole} ' if whole else ''}{numerator}/{denominator}"


# --- dates ---


def _date(section: _Section, value: float, from_1904: bool) -> str:
    """Return a date or a time; empty for a number that is none."""
    if not 0 <= value < _LAST_DAY:
        return ""
    tokens = section.tokens
    if section.foreign and any(each.kind == "date" and each.text[0] in "md" and len(each.text) > 2 for each in tokens):
        return _date(
            number_format(f"{_ISO_DATE} {_ISO_TIME}" if value % 1 else _ISO_DATE).sections[0], value, from_1904
        )
    decimals = _decimals_of_seconds(tokens)
    unit = 10**decimals
    ticks = int(Decimal(f"{value:.15g}") * 86_400 * unit + Decimal("0.5"))
    seconds, rest = divmod(ticks, unit)
    days, second_of_day = divmod(seconds, 86_400)
    is_leap_day = not from_1904 and days == _LEAP_DAY
    moment = _moment(days, second_of_day, from_1904)
    if moment is None:
        return ""
    twelve = section.has("half")
    parts: list[str] = []
    after_point = False
    for each in tokens:
        if each.kind == "date":
            parts.append("29" if is_leap_day and each.text in ("d", "dd") else _part_of_date(each.text, moment, twelve))
        elif each.kind == "elapsed":
            worth = {"h": 3_600, "m": 60, "s": 1}[each.text[0]]
            parts.append(str(seconds // worth).rjust(len(each.text), "0"))
        elif each.kind == "half":
            parts.append(("AM" if moment.hour < 12 else "PM")[: 2 if len(each.text) > 3 else 1])
        elif each.kind == "point":
            after_point = True
            parts.append(".")
        elif each.kind == "digit":
            if after_point and decimals:
                parts.append(str(rest).rjust(decimals, "0"))
                after_point = False
        else:
            parts.append(each.text)
    return "".join(parts).strip()


def _decimals_of_seconds(tokens: tuple[_Token, ...]) -> int:
    return min(sum(each.kind == "digit" for each in tokens), 3)


def _moment(days: int, second_of_day: int, from_1904: bool) -> datetime | None:
    if from_1904:
        first = datetime(1904, 1, 1)  # noqa: DTZ001 - what a sheet shows has no zone
    else:
        first = datetime(1899, 12, 31 if days < _LEAP_DAY else 30)  # noqa: DTZ001
        days -= days == _LEAP_DAY
    try:
        return first + timedelta(days=days, seconds=second_of_day)
    except OverflowError:
        return None


def _part_of_date(code: str, moment: datetime, twelve: bool) -> str:
    kind, length = code[0], len(code)
    if kind == "y":
        return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"
    if kind == "m" and length > 2:
        name = _MONTHS[moment.month - 1]
        return {3: name[:3], 5: name[0]}.get(length, name)
    if kind == "d" and length > 2:
        name = _DAYS[moment.weekday()]
        return name[:3] if length == 3 else name
    hour = (moment.hour - 1) % 12 + 1 if twelve else moment.hour
    value = {"m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second}[kind]
    return f"{value:02d}" if length > 1 else str(value)
