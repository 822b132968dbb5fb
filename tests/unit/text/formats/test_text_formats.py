"""Formats that are written as text: Markdown, tables, JSON, XML."""

import pytest

from functions.text.formats.extraction import Reason

from .samples import extracted, places, refused


def test_markdown_stays_as_it_is_written() -> None:
    text = "intro\n\n# Title #\r\ntext\n\n```\n# no heading\n```\n\nSecond\n---\nmore\n"
    found = extracted(text)
    assert (found.format, found.text) == ("md", text)
    assert [place for _, place in places(found)] == [{}, {"heading": "Title"}, {"heading": "Second"}]
    assert found.text[found.locations.starts[1] :].startswith("# Title")


def test_front_matter_is_no_heading() -> None:
    found = extracted("---\ntitle: Offer\nlang: en\n---\n\n# Terms\n\ntext\n")
    assert [place for _, place in places(found)] == [{}, {"heading": "Terms"}]


def test_rows_of_a_table_are_places() -> None:
    text = 'name,note\nZoë,"two\nlines"\nJonas,x\n'
    assert places(extracted(text)) == [
        ("name,note\n", {"row": 1}),
        ('Zoë,"two\nlines"\n', {"row": 2}),
        ("Jonas,x\n", {"row": 3}),
    ]


def test_table_with_tabs_is_read() -> None:
    found = extracted("a\tb\n1\t2")
    assert (found.format, places(found)) == ("tsv", [("a\tb\n", {"row": 1}), ("1\t2", {"row": 2})])


def test_quote_that_never_ends_is_one_row() -> None:
    text = "a,b\n1,2\n" * 10_000 + '"' + "x,y\n" * 50_000
    assert extracted(text).text == text


def test_json_strings_are_read_without_escapes() -> None:
    text = '{"name": "Zo\\u00eb \\ud83d\\ude00", "tags": ["a", "b"], "sum": 5.00, "at": {"city": "Oslo"}, "x": null}'
    assert extracted(text).text == "name: Zoë 😀\ntags: a\ntags: b\nsum: 5.00\ncity: Oslo\n"


def test_json_keys_may_come_twice() -> None:
    assert extracted('{"a": "x", "a": "y"}').text == "a: x\na: y\n"


def test_json_lines_are_rows() -> None:
    found = extracted('{"a": "x"}\n\n{"a": "y"}\n')
    assert places(found) == [("a: x\n", {"row": 1}), ("a: y\n", {"row": 3})]


def test_long_number_is_read_as_written() -> None:
    digits = "9" * 100_000
    assert extracted('{"a": ' + digits + "}").text == f"a: {digits}\n"


@pytest.mark.parametrize("text", ['{"a": "x"} and more }', '[["a", b]]', '<?xml version="1.0"?><a>', "<a><b>x</c></a>"])
def test_what_is_not_well_formed_is_plain_text(text: str) -> None:
    found = extracted(text)
    assert found.text == text
    assert [one.code for one in found.warnings] == ["ReadAsPlainText"]


def test_xml_elements_stand_on_lines() -> None:
    assert extracted("<?xml version='1.0'?><a><name>Zoë</name><city>Oslo</city></a>").text == "Zoë\nOslo\n"


def test_xml_text_goes_on_around_elements() -> None:
    text = "<a>\n <p>Dear <b>Zoë</b> <i>Müller</i>, hello</p>\n <p><b>Zoë</b>'s letter</p>\n</a>"
    assert extracted(text).text == "Dear Zoë Müller, hello\nZoë's letter\n"


def test_xml_cdata_and_references_are_resolved() -> None:
    assert extracted("<a><b><![CDATA[5 < 6]]></b><b>A&amp;B &#xeb;</b></a>").text == "5 < 6\nA&B ë\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_xml_encodings_are_read(encoding: str) -> None:
    assert extracted(f"<?xml version='1.0' encoding='{encoding}'?><a>Zoë</a>".encode(encoding)).text == "Zoë\n"


def test_xml_doctype_without_entities_is_read() -> None:
    assert extracted('<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a><b>x</b></a>').text == "x\n"


def test_declared_entities_are_not_expanded() -> None:
    text = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "expanded"><!ENTITY c SYSTEM "file:///etc/passwd">]><a>&b;&c;</a>'
    )
    assert extracted(text).text == text


@pytest.mark.parametrize("text", ["", " \n", "<?xml version='1.0'?><a/>", '{"a": null}'])
def test_without_text_there_is_a_reason(text: str) -> None:
    assert refused(text).reason is Reason.NO_TEXT


@pytest.mark.parametrize("text", ['{"a":' * 12 + "1" + "}" * 12, "<a>" * 12 + "x" + "</a>" * 12])
def test_nesting_over_the_limit_is_refused(text: str) -> None:
    assert extracted(text, nesting=12).text.strip()
    assert refused(text, nesting=11).limit == "nesting"
