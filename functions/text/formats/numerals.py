"""Numbers of lists as they are shown: 3, c, C, iii, III."""

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_ROMAN_UP_TO = 4999
_LETTERS_UP_TO = 26 * 40


def numeral(value: int, style: str) -> str:
    """Return a number in one of the styles `1`, `01`, `a`, `A`, `i`, `I`; in digits where that style has none."""
    if style in ("i", "I") and 0 < value <= _ROMAN_UP_TO:
        return _cased(_roman(value), style)
    if style in ("a", "A") and 0 < value <= _LETTERS_UP_TO:
        # After z follows aa, then bb.
        return _cased(chr(ord("a") + (value - 1) % 26) * ((value - 1) // 26 + 1), style)
    return f"{value:02d}" if style == "01" else str(value)


def _cased(text: str, style: str) -> str:
    return text.upper() if style.isupper() else text


def _roman(value: int) -> str:
    digits = []
    for worth, digit in _ROMAN:
        count, value = divmod(value, worth)
        digits.append(digit * count)
    return "".join(digits)
