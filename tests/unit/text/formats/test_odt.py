import pytest

from .office import odt
from .samples import extracted, sample
from .test_docx import OFFER

HIDDEN = '<style:style style:name="{}" style:family="{}"><style:text-properties text:display="none"/></style:style>'


def test_libreoffice_text_is_read_as_seen() -> None:
    found = extracted(sample("offer.odt"))
    # A frame is anchored before its paragraph there, and after it in docx.
    anchored = "Valid until 31 May 2026\nAsk for Mr Petrov.\n"
    assert found.format == "odt"
    assert found.text == OFFER.replace("Ask for Mr Petrov.\nValid until 31 May 2026\n", anchored)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<text:p>  a \n b<text:span> c</text:span> </text:p>", "a b c\n"),
        ('<text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d</text:p>', "a   b\tc\nd\n"),
        ('<text:p>a<text:s text:c="2000000000"/>b</text:p>', f"a{' ' * 1000}b\n"),
        ('<text:p>a<text:hidden-text text:is-hidden="true">b</text:hidden-text></text:p>', "a\n"),
        ('<text:p>a</text:p><text:p>b<text:hidden-paragraph text:is-hidden="true"/></text:p>', "a\n"),
        ('<text:p>a</text:p><text:section text:display="none"><text:p>b</text:p></text:section>', "a\n"),
        (
            "<text:p><text:ruby><text:ruby-base>b</text:ruby-base><text:ruby-text>c</text:ruby-text></text:ruby></text:p>",
            "b\n",
        ),
        ('<text:p text:style-name="H">a</text:p><text:p>b<text:span text:style-name="H">c</text:span></text:p>', "b\n"),
    ],
    ids=range(8),
)  # fmt: skip
def test_paragraph_is_read_as_seen(content: str, text: str) -> None:
    automatic = HIDDEN.format("H", "paragraph") + HIDDEN.format("H", "text")
    assert extracted(odt(content, automatic=automatic)).text == text


def test_hidden_style_is_inherited() -> None:
    derived = '<style:style style:name="D" style:family="text" style:parent-style-name="H"/>'
    content = '<text:p>a<text:span text:style-name="D">b</text:span></text:p>'
    assert extracted(odt(content, styles=HIDDEN.format("H", "text"), automatic=derived)).text == "a\n"


def test_covered_cells_keep_their_columns() -> None:
    content = (
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        "<table:covered-table-cell><text:p>under it</text:p></table:covered-table-cell>"
        '<table:table-cell table:number-columns-repeated="2"><text:p>b</text:p><text:p>c</text:p></table:table-cell>'
        "</table:table-row></table:table>"
    )
    assert extracted(odt(content)).text == "a\t\tb\nc\tb\nc\n"


ITEM = "<text:list-item{}><text:p>{}</text:p></text:list-item>"


def test_lists_continue_and_start_anew() -> None:
    automatic = (
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" '
        'style:num-suffix="." text:start-value="4"/></text:list-style>'
    )
    listed = '<text:list text:style-name="L"{}>{}</text:list>'
    content = listed.format("", ITEM.format("", "a") + ITEM.format(' text:start-value="7"', "b"))
    content += listed.format(' text:continue-numbering="true"', ITEM.format("", "c"))
    content += listed.format("", ITEM.format("", "d") + "<text:list-header><text:p>e</text:p></text:list-header>")
    assert extracted(odt(content, automatic=automatic)).text == "4. a\n7. b\n8. c\n4. d\ne\n"


def test_only_pages_in_use_have_headers() -> None:
    page = (
        '<style:master-page style:name="{0}" {1}><style:header {2}><text:p>{0} head</text:p></style:header>'
        "</style:master-page>"
    )
    styles = page.format("Standard", 'style:next-style-name="Next"', "") + page.format("Next", "", "")
    styles += page.format("Unused", "", "") + page.format("Off", "", 'style:display="false"')
    automatic = '<style:style style:name="P" style:family="paragraph" style:master-page-name="Off"/>'
    content = '<text:p>a</text:p><text:p text:style-name="P">b</text:p>'
    assert extracted(odt(content, styles=styles, automatic=automatic)).text == "Standard head\nNext head\na\nb\n"


def test_document_type_declaration_is_no_error() -> None:
    members = {"META-INF/manifest.xml": '<!DOCTYPE manifest PUBLIC "-//OpenOffice.org//DTD" "Manifest.dtd"><manifest/>'}
    assert extracted(odt("<text:p>a</text:p>", members=members)).text == "a\n"
