import codecs
import random

import pytest
from hypothesis import given

from functions.errors import DocumentError
from functions.pipeline.decoding import DecodedText, check_size, decode
from tests.unit.material import any_text

TEXT = "Zoë owes €5,000 to 田中 👩🏽\r\nsince May.\n"
MIB = 1_048_576

# Text in the encodings of its country: (encoding it is written in, name it is read as).
WESTERN = "Le prêt de 4 000 € a été accordé à Hélène Béranger le 3 août 2021 – « très bien ».\n"
LATIN = "Die Gläubigerin, Frau Müller, gewährt Herrn Großmann ein Darlehen. Schöne Grüße aus Köln.\n"
POLISH = "Pożyczkobiorca Łukasz Żółć otrzymał kredyt w wysokości pięciu tysięcy złotych od banku w Łodzi.\n"
JAPANESE = "山田太郎は、2021年5月3日に、みずほ銀行から百万円を借りました。返済は毎月行われます。\n"
RUSSIAN = "Заёмщик Иван Петров получил кредит в размере пяти тысяч рублей у банка в городе Москве в мае.\n"
GREEK = "Ο δανειολήπτης Γιώργος Παπαδόπουλος έλαβε δάνειο πέντε χιλιάδων ευρώ από την τράπεζα.\n"
DETECTED = [
    (WESTERN, "cp1252", "cp1252"),
    ("café", "cp1252", "cp1252"),
    ("é", "latin-1", "cp1252"),
    ("The loan is over £500.", "latin-1", "cp1252"),
    (LATIN, "latin-1", "cp1252"),
    (POLISH, "cp1250", "cp1250"),
    (JAPANESE, "shift_jis", "cp932"),
    (JAPANESE, "euc_jp", "euc_jp"),
    (RUSSIAN, "cp1251", "cp1251"),
    (RUSSIAN, "koi8_r", "koi8_r"),
    (GREEK, "cp1253", "cp1253"),
]


def problem_of(data: bytes) -> tuple[str, str, str]:
    with pytest.raises(DocumentError) as caught:
        decode(data)
    problem = caught.value.problem
    return problem.code, problem.message, problem.help


# --- the encoding is known ---


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides_and_is_taken_off(mark: bytes, encoding: str) -> None:
    assert decode(mark + TEXT.encode(encoding)) == DecodedText(TEXT, encoding, bom_bytes=len(mark))


def test_without_a_mark_text_is_utf8_and_keeps_its_line_ends() -> None:
    text = "one\r\ntwo\rthree\nfour\u2028five\x0bsix"
    assert decode(text.encode()) == DecodedText(text, "utf-8")


def test_a_second_mark_is_part_of_the_text() -> None:
    assert decode(codecs.BOM_UTF8 + "\ufeffa".encode()) == DecodedText("\ufeffa", "utf-8", bom_bytes=3)


@given(any_text)
def test_every_text_with_a_mark_comes_back_exactly(text: str) -> None:
    assert decode(codecs.BOM_UTF8 + f"a{text}".encode()).text == f"a{text}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_zero_character_behind_a_mark_is_text(encoding: str) -> None:
    assert decode("a\0b".encode(encoding)).text == "a\0b"


# --- the encoding is detected ---


@pytest.mark.parametrize(("text", "written_in", "read_as"), DETECTED)
def test_another_encoding_is_detected_and_named_in_a_warning(text: str, written_in: str, read_as: str) -> None:
    warning = f"The document is not UTF-8; it was read as {read_as}, which is a guess."
    assert decode(text.encode(written_in)) == DecodedText(text, read_as, warnings=(warning,))


def test_a_long_document_is_detected_like_a_short_one() -> None:
    assert decode((LATIN * 5_000).encode("latin-1")).text == LATIN * 5_000


def test_a_long_document_that_stops_fitting_is_reported_not_raised() -> None:
    """Detection looks at samples of a long document only."""
    japanese = (JAPANESE * 20_000).encode("euc_jp")
    code, message, _ = problem_of(japanese[: len(japanese) // 3 * 2 // 2] + b"\xff" * 3 + japanese)
    assert code == "UnknownEncoding"
    assert "no other encoding fits" in message


# --- there is no text ---


@pytest.mark.parametrize("data", [b" ", b"\r\n\t \n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, "\u3000\n".encode()])
def test_white_space_alone_is_no_text(data: bytes) -> None:
    code, message, _ = problem_of(data)
    assert (code, message) == ("NoText", f"The document has {len(data)} bytes but only white space in them.")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Microsoft Office file"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"GIF89a", "a GIF picture"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"{\\rtf1", "an RTF document"),
    ],
)
def test_a_known_kind_of_file_is_called_by_its_name(start: bytes, kind: str) -> None:
    code, message, advice = problem_of(start + b" and some more text")
    assert code == "NotText"
    assert message.startswith(f"The document is {kind}")
    assert advice.startswith("Extract its text first.")


def test_binary_data_is_not_text() -> None:
    data = random.Random(7).randbytes(2_000)
    code, message, _ = problem_of(data)
    assert code == "NotText"
    assert "of its 2,000 bytes are control characters" in message


def test_one_zero_byte_is_enough_and_utf16_without_a_mark_is_told_what_to_do() -> None:
    assert problem_of(b"a perfectly normal text\0 with a zero byte")[0] == "NotText"
    code, _, advice = problem_of("plain".encode("utf-16-le"))
    assert code == "NotText"
    assert "If it is text in UTF-16, save it with a byte-order mark." in advice


def test_up_to_one_control_character_in_two_hundred_is_text() -> None:
    assert decode(b"a" * 199 + b"\x01").text.endswith("\x01")
    assert problem_of(b"a" * 198 + b"\x01")[0] == "NotText"


def test_bytes_that_fit_no_encoding_are_reported() -> None:
    draw = random.Random(1)
    data = bytes(draw.randrange(128, 256) for _ in range(1_000))
    code, message, advice = problem_of(data)
    assert (code, message) == (
        "UnknownEncoding",
        "The document's 1,000 bytes are not UTF-8, and no other encoding fits them.",
    )
    assert "UTF-8" in advice


# --- the file is damaged ---


@pytest.mark.parametrize(
    ("mark", "encoding", "cut"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le", 1),
        (codecs.BOM_UTF16_BE, "utf-16-be", 1),
        (codecs.BOM_UTF16_LE, "utf-16-le", 2),  # half a surrogate pair
        (codecs.BOM_UTF32_LE, "utf-32-le", 3),
        (codecs.BOM_UTF8, "utf-8", 1),
    ],
)
def test_a_truncated_document_with_a_mark_is_reported_with_the_place(mark: bytes, encoding: str, cut: int) -> None:
    data = mark + ("ab😀".encode(encoding))[:-cut]
    code, message, advice = problem_of(data)
    start = len(mark) + len("ab".encode(encoding))
    assert code == "InvalidEncoding"
    assert f"says {encoding}, but the bytes at position {start}" in message
    assert "cut off" in advice


def test_utf8_that_ends_inside_a_character_is_not_taken_for_another_encoding() -> None:
    code, message, advice = problem_of("Zoë owes 5,000 €".encode()[:-1])
    assert code == "InvalidEncoding"
    assert message == "The document is UTF-8 but ends in the middle of a character, at position 16."
    assert advice.startswith("The file was cut off.")


# --- size ---


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        check_size(0, MIB)
    assert caught.value.problem.code == "EmptyDocument"


@pytest.mark.parametrize("size", [1, MIB - 1, MIB])
def test_a_file_up_to_the_limit_is_accepted(size: int) -> None:
    check_size(size, MIB)


def test_a_file_over_the_limit_is_refused_with_both_numbers_and_the_setting() -> None:
    with pytest.raises(DocumentError) as caught:
        check_size(MIB + 1, MIB)
    problem = caught.value.problem
    assert problem.code == "TooLarge"
    assert problem.message == "The document has 1,048,577 bytes; the limit is 1,048,576."
    assert "MAX_DOCUMENT_BYTES" in problem.help
