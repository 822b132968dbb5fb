import pytest

from functions.text.formats.number_formats import BUILT_IN, general, number_format


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("0.0%", 0.195, "19.5%"),
        ("00000", 1067, "01067"),
        ("+0", 4915112345678, "+4915112345678"),
        ("#,##0.00", 1234567.891, "1,234,567.89"),
        ("#,##0.00", -1234.5, "-1,234.50"),
        ("#,##0.00;[Red](#,##0.00)", -350.5, "(350.50)"),
        ("0;-0;\"none\"", 0, "none"),
        ("#,##0.00 [$€-407]", 12, "12.00 €"),
        ("[$$-409]#,##0.00", 1234.5, "$1,234.50"),
        ('_-* #,##0.00 "EUR"_-', 5, "5.00 EUR"),
        ("0.00", 2.675, "2.68"),
        ("0", 0.5, "1"),
        ("0", -0.4, "0"),
        ("#.##", 0.5, ".5"),
        ("#", 0, ""),
        ("0.###", 1.5, "1.5"),
        ("#,##0,", 1234567, "1,235"),
        ('0.0,,"M"', 12345678, "12.3M"),
        ("0.00E+00", 12345, "1.23E+04"),
        ("0.00E+00", 0.00012345, "1.23E-04"),
        ("##0.0E+0", 12345, "12.3E+3"),
        ("000-00-0000", 123456789, "123-45-6789"),
        ("(000) 000-0000", 5551234567, "(555) 123-4567"),
        ("# ?/?", 1.5, "1 1/2"),
        ("# ??/??", 0.3333, "1/3"),
        ("# ?/8", 2.25, "2 2/8"),
        ("# ?/?", 3, "3"),
        ('[<100]"few";[>=100]"many"', 5, "few"),
        ('[<100]"few";[>=100]"many"', 500, "many"),
        (";;;", 5, ""),
        ("General", 5.25, "5.25"),
        ('General" km"', 5, "5 km"),
        ("@", 5, "5"),
        ("0%%", 1e300, "1E+300"),
    ],
)  # fmt: skip
def test_number_is_shown_as_in_excel(code: str, value: float, shown: str) -> None:
    assert number_format(code).number(value) == shown


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("yyyy-mm-dd", 46084, "2026-03-03"),
        ("d mmmm yyyy", 46084, "3 March 2026"),
        ("ddd, dd/mm/yy", 46084, "Tue, 03/03/26"),
        ("dddd", 46084, "Tuesday"),
        ("mmm-yy", 46084, "Mar-26"),
        ("mmmmm", 46084, "M"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("h:mm A/P", 0.25, "6:00 A"),
        ("hh:mm:ss", 0.5, "12:00:00"),
        ("mm:ss.0", 0.0007, "01:00.5"),
        ("[h]:mm", 1.5, "36:00"),
        ("[mm]:ss", 0.0625, "90:00"),
        ("[s]", 0.001, "86"),
        ("yyyy-mm-dd hh:mm", 46084.999999, "2026-03-04 00:00"),
        ('d"."m"."yyyy', 46084, "3.3.2026"),
        (r"d\.m\.yyyy", 46084, "3.3.2026"),
        ("yyyy-mm-dd", 60, "1900-02-29"),
        ("yyyy-mm-dd", 59, "1900-02-28"),
        ("yyyy-mm-dd", -1, "-1"),
        ("yyyy-mm-dd", 1e10, "10000000000"),
        ("[$-407]d. mmmm yyyy", 46084, "2026-03-03"),
        ("[$-409]d mmmm yyyy", 46084, "3 March 2026"),
        ("[$-de-DE]d. mmmm yyyy", 46084, "2026-03-03"),
        ("[$-407]dd.mm.yyyy", 46084, "03.03.2026"),
        ("[$-F800]dddd, mmmm dd, yyyy", 46084, "2026-03-03"),
        (BUILT_IN[14], 46084, "2026-03-03"),
    ],
)  # fmt: skip
def test_date_is_shown_as_in_excel(code: str, value: float, shown: str) -> None:
    assert number_format(code).number(value) == shown


def test_dates_count_from_1904_in_some_files() -> None:
    assert number_format("yyyy-mm-dd").number(0, from_1904=True) == "1904-01-01"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12500.0, "12500"), (0.1 + 0.2, "0.3"), (1 / 3, "0.3333333333"), (4915112345678.0, "4915112345678"),
     (1e20, "1E+20"), (1.5e-10, "1.5E-10"), (-2.0, "-2")],
)  # fmt: skip
def test_number_without_format(value: float, shown: str) -> None:
    assert general(value) == shown


@pytest.mark.parametrize(
    ("code", "shown"), [("@", "Jo"), ('0;0;0;"name "@', "name Jo"), (";;;", ""), ("0.00", "Jo"), ("General", "Jo")]
)
def test_text_is_shown_as_in_excel(code: str, shown: str) -> None:
    assert number_format(code).text("Jo") == shown
