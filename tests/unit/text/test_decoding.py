import codecs
import contextlib
import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.errors import DocumentError, Fault
from functions.text.decoding import DecodedText, check_size, decode
from tests.support.examples import examples
from tests.support.material import any_text

TEXT = "Zoë owes €5,000 to 田中 👩🏽\r\nsince May.\n"
MIB = 1_048_576

# Text in the encodings of its country: (encoding it is written in, name it is read as).
WESTERN = "Le prêt de 4 000 € a été accordé à Hélène Béranger le 3 août 2021 – « très bien ».\n"
LATIN = "Die Gläubigerin, Frau Müller, gewährt Herrn Großmann ein Darlehen. Schöne Grüße aus Köln.\n"
POLISH = "Pożyczkobiorca Łukasz Żółć otrzymał kredyt w wysokości pięciu tysięcy złotych od banku w Łodzi.\n"
JAPANESE = "山田太郎は、2021年5月3日に、みずほ銀行から百万円を借りました。返済は毎月行われます。\n"
RUSSIAN = "Заёмщик Иван Петров получил кредит в размере пяти тысяч рублей у банка в городе Москве в мае.\n"
GREEK = "Ο δανειολήπτης Γιώργος Παπαδόπουλος έλαβε δάνειο πέντε χιλιάδων ευρώ από την τράπεζα.\n"
GUESSED = [
    (WESTERN, "cp1252", "cp1252"),
    (LATIN, "latin-1", "cp1252"),
    (LATIN, "cp850", "cp850"),
    (LATIN, "mac_roman", "mac-roman"),
    (POLISH, "cp1250", "cp1250"),
    (POLISH, "iso8859_2", "iso8859-2"),
    (POLISH, "cp852", "cp852"),
    (JAPANESE, "shift_jis", "cp932"),
    (JAPANESE, "euc_jp", "euc_jp"),
    (RUSSIAN, "cp1251", "cp1251"),
    (RUSSIAN, "koi8_r", "koi8-r"),
    (RUSSIAN, "cp866", "cp866"),
    (GREEK, "cp1253", "cp1253"),
]


def codes(decoded: DecodedText) -> list[str]:
    return [warning.code for warning in decoded.warnings]


def message(decoded: DecodedText, code: str) -> str:
    return next(warning.message for warning in decoded.warnings if warning.code == code)


def problem_of(data: bytes) -> tuple[str, str, str]:
    with pytest.raises(DocumentError) as caught:
        decode(data)
    problem = caught.value.problem
    assert problem.fault is Fault.DOCUMENT
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
def test_byte_order_mark_decides(mark: bytes, encoding: str) -> None:
    assert decode(mark + TEXT.encode(encoding)) == DecodedText(TEXT, encoding, bom_bytes=len(mark))


def test_unmarked_utf8_keeps_line_ends() -> None:
    text = "one\r\ntwo\rthree\nfour\u2028five\x0bsix"
    assert decode(text.encode()) == DecodedText(text, "utf-8")


def test_second_mark_is_part_of_text() -> None:
    assert decode(codecs.BOM_UTF8 + "\ufeffa".encode()) == DecodedText("\ufeffa", "utf-8", bom_bytes=3)


@given(any_text)
def test_marked_text_round_trips(text: str) -> None:
    assert decode(codecs.BOM_UTF8 + f"a{text}".encode()).text == f"a{text}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_zero_character_behind_mark_is_text(encoding: str) -> None:
    assert decode("a\0b".encode(encoding)).text == "a\0b"


# --- UTF-16 and UTF-32 without a mark ---


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [TEXT, WESTERN, POLISH, RUSSIAN, GREEK, JAPANESE, "ok", "Hi!\x1a", "end\0"])
def test_unmarked_utf16_has_warning(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert codes(decoded) == ["UnmarkedUtf16" if "16" in encoding else "UnmarkedUtf32"]


@pytest.mark.parametrize(
    "text", ["山田太郎は百万円を借りました", "кредит", "העברית", "ธนาคารในกรุงเทพ", "他的妻子也在这里。"]
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_unmarked_utf16_needs_no_ascii(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_damaged_unmarked_utf16_is_replaced() -> None:
    data = ("Zoë owes money. " * 20).encode("utf-16-le")
    decoded = decode(data[:100] + b"\x00\xd8" + data[102:])
    assert (decoded.text[50], decoded.errors) == ("\ufffd", "replace")
    assert codes(decoded) == ["UnmarkedUtf16", "CharactersReplaced"]


def test_utf32_with_damaged_mark_is_not_utf16() -> None:
    text = "a plain text of some length"
    data = b"\xff\xfe\x07\x00" + text.encode("utf-32-le")
    assert decode(data).text[1:] == text


# --- encodings with escapes ---


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "iso2022_jp"),
        ("ｶﾀｶﾅ と漢字", "iso2022_jp_ext"),
        ("은행에서 오백만 원을 빌렸습니다. ABC\n", "iso2022_kr"),
        ("借款人于五月三日从银行借款五万元。\n", "hz"),
    ],
)
def test_escape_sequences_decide(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.warnings) == (text, ())


@pytest.mark.parametrize("text", ["x ~{a} = ~{b}", "\x1b[31mred\x1b[0m", "~{identifier~}", "path = ~{HOME}/dir"])
def test_source_code_and_colours_are_plain_text(text: str) -> None:
    assert decode(text.encode()) == DecodedText(text, "utf-8")


@pytest.mark.parametrize("text", ["~{VARIABLES IN CAPITALS}", "~{identifiers_in_small_letters", "~{ABCDEFGHIJ~"])
def test_long_names_are_no_damaged_hz(text: str) -> None:
    assert decode(text.encode()) == DecodedText(text, "utf-8")


@pytest.mark.parametrize("damage", [b"\x04", b"\x96", b" "])
@pytest.mark.parametrize("place", [20, 21])
def test_damaged_hz_is_hz(damage: bytes, place: int) -> None:
    data = "更多信息请联系我们的分行。他的妻子也作为担保人签了名。".encode("hz")
    decoded = decode(data[:place] + damage + data[place + 1 :])
    assert decoded.encoding == "hz" and decoded.text.startswith("更多信息请联系我们")


def test_damaged_iso2022_is_replaced() -> None:
    data = (JAPANESE * 3).encode("iso2022_jp")
    decoded = decode(data[:50] + b"\xff" + data[51:])
    assert decoded.encoding == "iso2022_jp_2" and decoded.errors == "replace"
    assert decoded.text == decode_damaged_text(data[:50] + b"\xff" + data[51:], "iso2022_jp_2")


def decode_damaged_text(data: bytes, encoding: str) -> str:
    return data.decode(encoding, "replace")


# --- UTF-8 with faults ---


def test_bad_utf8_bytes_are_replaced() -> None:
    data = WESTERN.encode()
    spoilt = data[:30] + b"\xff" + data[31:]
    decoded = decode(spoilt)
    assert decoded == DecodedText(spoilt.decode("utf-8", "replace"), "utf-8", 0, "replace", decoded.warnings)
    place = decoded.text.index("\ufffd")
    assert message(decoded, "CharactersReplaced") == (
        "The document is damaged: 1 of its characters could not be read as utf-8 and were replaced by U+FFFD. "
        f"Their places, in characters from 0: {place}."
    )


def test_ten_damaged_places_are_named() -> None:
    """Of twelve; a genuine replacement character is none of them."""
    decoded = decode(("é" * 200 + "\ufffd").encode() + b"abc\xff" * 12)
    places = [204 + 4 * number for number in range(10)]
    shown = message(decoded, "CharactersReplaced")
    assert "12 of its characters" in shown
    assert shown.endswith(f"from 0: {', '.join(map(str, places))}, ….")


@pytest.mark.parametrize(
    ("sequence", "valid", "faults", "is_utf8"),
    [
        ("Ж", 8, 2, True),
        ("Ж", 7, 2, False),
        ("Ж", 40, 10, True),
        ("é", 4, 2, True),
        ("é", 3, 2, False),
    ],
)
def test_mostly_valid_sequences_are_utf8(sequence: str, valid: int, faults: int, is_utf8: bool) -> None:
    """Four of any kind; two where all are ordinary letters of Europe."""
    assert (decode(f" {sequence}".encode() * valid + b" a\xff b" * faults).encoding == "utf-8") is is_utf8


@pytest.mark.parametrize("text", ["naïve \xff caf", "“\xff", "garçon d\xffa"])
def test_one_fault_may_be_utf8(text: str) -> None:
    data = b"\xff".join(part.encode() for part in text.split("\xff"))
    assert decode(data).text == text.replace("\xff", "\ufffd")


def test_cut_off_utf8_ends_in_replacement() -> None:
    decoded = decode("Zoë owes 5,000 €".encode()[:-1])
    assert decoded.text == "Zoë owes 5,000 \ufffd"
    assert codes(decoded) == ["CharactersReplaced"]


# --- a declared encoding ---


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("iso-8859-2", "iso8859-2"),
        ("ISO-8859-1", "cp1252"),
        ('"windows-1250"', "cp1250"),
        ("x-sjis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("macintosh", "mac-roman"),
        ("cp850", "cp850"),
    ],
)
def test_declared_charset_counts(label: str, codec: str) -> None:
    data = b"No\xebl"
    decoded = decode(data, f"text/plain; charset={label}")
    assert decoded == DecodedText(data.decode(codec, "replace"), codec, 0, decoded.errors, decoded.warnings)
    assert "EncodingGuessed" not in codes(decoded)


@pytest.mark.parametrize(
    "start",
    [
        '<?xml version="1.0" encoding="iso-8859-2"?>',
        "<html><head><meta charset=iso-8859-2>",
        "<META http-equiv='Content-Type' content='text/html; charset=ISO-8859-2'>",
    ],
)
def test_xml_and_html_declare_their_encoding(start: str) -> None:
    text = f"{start} Łódź"
    assert decode(text.encode("iso8859_2")) == DecodedText(text, "iso8859-2")


@pytest.mark.parametrize("label", ["utf-8", "us-ascii", "nonsense", "rot13", "unicode_escape", "idna", "utf-16", ""])
def test_false_declaration_is_ignored(label: str) -> None:
    assert decode(LATIN.encode("latin-1"), f"text/plain; charset={label}").text == LATIN


def test_declared_charset_may_have_one_fault() -> None:
    assert decode(b"No\xebl \x81", "text/plain; charset=windows-1252").text == "Noël \ufffd"
    two = b"No\xebl \x81\x81" + b" and so on" * 3
    assert decode(two, "text/plain; charset=windows-1252").encoding != "cp1252"


def test_valid_utf8_overrules_declaration() -> None:
    assert decode(WESTERN.encode(), "text/plain; charset=iso-8859-1") == DecodedText(WESTERN, "utf-8")


# --- a guess ---


@pytest.mark.parametrize(("text", "written_in", "read_as"), GUESSED)
def test_guessed_encoding_is_named(text: str, written_in: str, read_as: str) -> None:
    decoded = decode(text.encode(written_in))
    assert (decoded.text, decoded.encoding) == (text, read_as)
    assert codes(decoded) in (["EncodingGuessed"], ["EncodingDoubtful"])
    assert f"was read as {read_as}" in decoded.warnings[0].message


@pytest.mark.parametrize("text", ["café", "The loan is over £500.", "Zoë Müller"])
def test_few_letters_are_western(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


def test_doubtful_guess_names_candidates() -> None:
    data = "Ýmir".encode("cp850")
    decoded = decode(data)
    assert codes(decoded) == ["EncodingDoubtful"]
    named = message(decoded, "EncodingDoubtful").split("nearly as well: ")[1].split(". ")[0].split(", ")
    assert 1 <= len(named) <= 3
    assert "Ýmir" in {data.decode(name) for name in named}
    assert len({data.decode(name) for name in [decoded.encoding, *named]}) == len(named) + 1


def test_legacy_fault_is_replaced() -> None:
    data = (GREEK * 3).encode("cp1253")
    decoded = decode(data[:40] + b"\xd2" + data[41:])
    assert (decoded.text[40], decoded.errors) == ("\ufffd", "replace")
    assert codes(decoded)[-1] == "CharactersReplaced"


def test_long_document_is_guessed_alike() -> None:
    assert decode((LATIN * 5_000).encode("latin-1")).text == LATIN * 5_000


def test_late_word_decides() -> None:
    data = b"plain English text. " * 50_000 + RUSSIAN.encode("cp1251") + b"more plain text. " * 50_000
    assert RUSSIAN in decode(data).text


def test_late_mismatch_is_reported() -> None:
    """The guess is made from samples of a long document only."""
    japanese = (JAPANESE * 20_000).encode("euc_jp")
    half = len(japanese) // 2 // 2 * 2
    code, said, _ = problem_of(japanese[:half] + b"\xff\xff\xff" * (half // 4) + japanese[half:])
    assert code == "UnknownEncoding"
    assert "no other encoding fits" in said


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
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07\x00", "a RAR archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"BZh91AY&SY", "a bzip2 archive"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
        (b"\x7fELF", "a program"),
        (b"II*\0", "a TIFF picture"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"OggS\0", "an Ogg recording"),
        (b"ID3\x04\0", "an MP3 recording"),
        (b"PAR1\x15", "a Parquet file"),
        (b"Obj\x01", "an Avro file"),
        (b"%!PS-Adobe-3.0", "a PostScript document"),
        (b"x" * 257 + b"ustar\0", "a tar archive"),
        (b"{\\rtf1", "an RTF document"),
    ],
)
def test_known_file_type_is_named(start: bytes, kind: str) -> None:
    code, message, advice = problem_of(start + b" and some more text")
    assert code == "NotText"
    assert message.startswith(f"The document is {kind}")
    assert advice.startswith("Extract its text first.")


def test_binary_data_is_not_text() -> None:
    data = random.Random(7).randbytes(2_000)
    code, message, _ = problem_of(data)
    assert code == "NotText"
    assert "of its 2,000 bytes are control characters" in message


@pytest.mark.parametrize("start", ["BZh is a name", "ID3 tags explained", "PAR1 and PAR2", "II*", "Obj 1"])
def test_text_may_resemble_file_signature(start: str) -> None:
    assert decode(start.encode()).text == start


def zeros(size: int, count: int) -> bytes:
    return b"a" * 10 + b"\0" * count + b"a" * (size - 10 - count)


@pytest.mark.parametrize(
    ("data", "is_text"),
    [
        (zeros(999, 1), False),
        (zeros(1_000, 1), True),
        (zeros(1_000, 2), False),
        (b"text\0\0\0", True),
        (b"text\x1a\0\x1a", True),
        (b"a" * 10 + b"\x05", True),
        (b"a" * 10 + b"\x05\x05", False),
        (b"a" * 396 + b"\x05" * 2, False),
        (b"a" * 398 + b"\x05" * 2, True),
        (b"\x01\x02a\x03\x04", True),
        (b"a" * 15 + b"\x01" * 5, True),
        (b"a" * 14 + b"\x01" * 5, False),
        (b"8=FIX.4.2\x019=65\x0135=A\x0149=CLIENT12\x0156=B\x0134=177\x01", True),
        (b"page\fpage\v\x1b[1m", True),
    ],
)
def test_few_control_characters_are_text(data: bytes, is_text: bool) -> None:
    if is_text:
        assert decode(data) == DecodedText(data.decode(), "utf-8")
    else:
        assert problem_of(data)[0] == "NotText"


def test_zeros_explain_utf16_recognition() -> None:
    _, _, advice = problem_of(b"a perfectly normal text\0 with a zero byte")
    assert "If it is text in UTF-16, save it with a byte-order mark." in advice


@pytest.mark.parametrize("text", ["Dear Mr Smith, the loan is due in May.", "THE LENDER AGREES TO LEND 5,000 DOLLARS."])
def test_ebcdic_is_named(text: str) -> None:
    code, said, advice = problem_of((text * 5).encode("cp500"))
    assert code == "UnknownEncoding"
    assert "EBCDIC" in said
    assert "Let the transfer convert it" in advice


def test_undecodable_bytes_are_reported() -> None:
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
        (codecs.BOM_UTF32_BE, "utf-32-be", 3),
        (codecs.BOM_UTF8, "utf-8", 1),
    ],
)
def test_cut_off_marked_document_is_read(mark: bytes, encoding: str, cut: int) -> None:
    decoded = decode(mark + ("ab😀".encode(encoding))[:-cut])
    assert (decoded.text, decoded.errors, decoded.bom_bytes) == ("ab\ufffd", "replace", len(mark))
    assert "from 0: 2." in message(decoded, "CharactersReplaced")


@pytest.mark.parametrize(("faults", "size", "is_read"), [(3, 10, True), (4, 10, False), (10, 1_000, True)])
def test_marked_text_allows_few_faults(faults: int, size: int, is_read: bool) -> None:
    data = codecs.BOM_UTF8 + b"a\xff" * faults + b"a" * (size - 2 * faults)
    if is_read:
        assert decode(data).text.count("\ufffd") == faults
    else:
        code, said, _ = problem_of(data)
        assert code == "InvalidEncoding"
        assert "says utf-8, but the bytes at position 4 and many others are not utf-8" in said


@given(st.binary(max_size=300), st.sampled_from(["", "text/plain; charset=koi8-r", "charset=utf-16", "charset=\0"]))
@example(b"\xff\xfe\0", "")
@example(b"\x1b$)C\x0e!", "")
@example(b"~{~", "")
@example(b"<?xml encoding='utf-7'?>\xff", "")
@settings(max_examples=examples(300))
def test_any_bytes_are_text_or_document_error(data: bytes, content_type: str) -> None:
    with contextlib.suppress(DocumentError):
        decoded = decode(data, content_type)
        assert data[decoded.bom_bytes :].decode(decoded.encoding, decoded.errors) == decoded.text


# --- size ---


def test_empty_file_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        check_size(0, MIB)
    assert caught.value.problem.code == "EmptyDocument"


@pytest.mark.parametrize("size", [1, MIB - 1, MIB])
def test_file_up_to_limit_is_accepted(size: int) -> None:
    check_size(size, MIB)


def test_file_over_limit_names_setting() -> None:
    """And both numbers."""
    with pytest.raises(DocumentError) as caught:
        check_size(MIB + 1, MIB)
    problem = caught.value.problem
    assert problem.code == "TooLarge"
    assert problem.message == "The document has 1,048,577 bytes; the limit is 1,048,576."
    assert "MAX_DOCUMENT_BYTES" in problem.help


def test_long_word_takes_no_long_time() -> None:
    """Base64 without line ends, beside a few characters of an older encoding."""
    words = ["Zoë", "Müller,", "è", "Çağrı", "öööö"]
    data = b"QUJD" * 3_000 + " ".join(words).encode("cp1254")
    begin = time.process_time()
    assert decode(data, "").warnings
    assert time.process_time() - begin < 3
