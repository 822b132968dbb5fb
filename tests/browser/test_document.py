"""Reading one document: the marks in the text are what the JSON says."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import scene
from tests.browser.conftest import OpenPage, marks, opened
from tests.support.page_api import PageApi


@pytest.fixture
def agreement(api: PageApi, open_page: OpenPage) -> Page:
    return opened(open_page(f"#/d/{scene.with_agreement(api)}"))


def entities(api: PageApi) -> list[dict[str, Any]]:
    return api.documents[scene.AGREEMENT_NAME].entities_result()["entities"]


def colour(api: PageApi, category: str) -> int:
    return api.categories.index(category) % 12 + 1


def test_marks_are_what_the_json_says(api: PageApi, agreement: Page) -> None:
    lines = sorted((name.split("-")[0], text) for name, text in marks(agreement, "l"))
    assert lines == sorted((f"l{colour(api, one['category'])}", one["text"]) for one in entities(api))
    shades = sorted((name, text) for name, text in marks(agreement, "t"))
    expected = [
        (
            f"t{colour(api, one['category'])}-{1 + (one['confidenceScore'] >= 0.7) + (one['confidenceScore'] >= 0.9)}",
            one["text"],
        )
        for one in entities(api)
    ]
    assert shades == sorted(expected)


def test_inner_line_is_above_outer(agreement: Page) -> None:
    lanes = {text: name.rpartition("-")[2] for name, text in marks(agreement, "l")}
    assert lanes["14 Quayside Road, 4021 Halvorsund"] == "0"
    assert lanes["Northmere Savings Bank, Halvorsund branch at 14 Quayside Road, 4021 Halvorsund"] == "1"


@pytest.mark.parametrize("unit", ["UnicodeCodePoint", "Utf16CodeUnit", "TextElements_v8"])
def test_every_unit_of_offsets_is_read(api: PageApi, open_page: OpenPage, unit: str) -> None:
    text = "🥐 e\u0301 " + "Ann"
    offset = {"UnicodeCodePoint": 5, "Utf16CodeUnit": 6, "TextElements_v8": 4}[unit]
    document = api.put("a.txt", text, state="done", text=text)
    result = document.entities_result() | {
        "stringIndexType": unit,
        "entities": [{"text": "Ann", "category": "Borrower", "offset": offset, "length": 3, "confidenceScore": 0.9}],
    }
    document.results["b.entities.json"] = {"kind": "CustomEntityRecognition", **result}
    page = opened(open_page(f"#/d/{document.id}?tab=b.entities.json"))
    assert marks(page, "l") == [("l1-0", "Ann")]


def test_legend_hides_and_shows(api: PageApi, agreement: Page) -> None:
    agreement.locator(".legend label", has_text="Borrower").click()
    assert "l1" not in {name.split("-")[0] for name, _ in marks(agreement)}
    expect(agreement.locator(".entities .foot > span").first).to_have_text("21 of 27 shown")
    agreement.get_by_role("button", name="Show all").click()
    assert len(marks(agreement)) == 27
    agreement.locator(".legend label", has_text="Amount").dblclick()
    assert {name.split("-")[0] for name, _ in marks(agreement)} == {"l4"}


def test_slider_hides_the_unsure(api: PageApi, agreement: Page) -> None:
    agreement.get_by_role("slider").fill("0.7")
    sure = [one for one in entities(api) if one["confidenceScore"] >= 0.7]
    assert len(marks(agreement)) == len(sure)
    expect(agreement.get_by_role("slider")).to_have_attribute("aria-valuetext", f"0.70, {len(sure)} of 27 shown")
    agreement.get_by_role("button", name="less sure").click()
    assert len(marks(agreement)) == 27


def test_list_and_text_lead_to_each_other(agreement: Page) -> None:
    agreement.locator(".entity-list .row", has_text="TC-2026-04331").click()
    expect(agreement.locator(".flag")).to_contain_text("LoanNumber 0.99 page 1")
    expect(agreement.locator(".frame")).to_have_count(1)
    agreement.keyboard.press("j")
    expect(agreement.locator(".flag")).to_contain_text("Date")
    agreement.locator("article p", has_text="17 November 2026").click(position={"x": 20, "y": 15})
    expect(agreement.locator(".row[aria-selected=true]")).to_contain_text("17 November 2026")


def test_list_filters_and_sorts(agreement: Page) -> None:
    agreement.get_by_role("searchbox").fill("bäckerei")
    expect(agreement.locator(".row[role=option]")).to_have_count(2)
    agreement.get_by_role("searchbox").fill("")
    agreement.get_by_label("Order").select_option("sure")
    expect(agreement.locator(".row[role=option]").first).to_contain_text("0.44")


def test_page_can_be_jumped_to(agreement: Page) -> None:
    place = agreement.get_by_label("Go to")
    assert place.locator("option").all_inner_texts() == ["page 1", "page 2"]
    place.select_option("page 2")
    expect(agreement.locator(".flag")).to_contain_text("page 2")
    assert agreement.locator("article p[data-place]").evaluate_all("(all) => all.map((one) => one.dataset.place)") == [
        "page 1",
        "page 2",
    ]


def test_link_leads_to_the_entity(agreement: Page, open_page: OpenPage) -> None:
    agreement.context.grant_permissions(["clipboard-read", "clipboard-write"])
    agreement.get_by_role("option", name="EUR 50,000").click()
    agreement.get_by_role("button", name="Copy link").click()
    expect(agreement.locator("#toast")).to_contain_text("Link copied")
    address = agreement.evaluate("navigator.clipboard.readText()")
    agreement.goto("about:blank")
    agreement.goto(address)
    expect(agreement.locator(".flag")).to_contain_text("Amount 0.97")


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("JSON", "entities.json"),
        ("CSV", "entities.csv"),
        ("The file as dropped", "(signed).pdf"),
        ("One file", ".html"),
    ],
)
def test_downloads(agreement: Page, item: str, name: str) -> None:
    agreement.locator(".doc-head .buttons summary").click()
    with agreement.expect_download() as download:
        agreement.locator(".doc-head .buttons .pop").get_by_role("button", name=item).click()
    assert download.value.suggested_filename.endswith(name)


def test_tabs_by_keyboard(agreement: Page) -> None:
    agreement.get_by_role("tab", name="Entities").focus()
    agreement.keyboard.press("ArrowRight")
    agreement.keyboard.press("Enter")
    expect(agreement.locator(".classes li").first).to_contain_text("LoanAgreement")
    expect(agreement.get_by_role("tab", name="Classes")).to_have_attribute("aria-selected", "true")


def test_redaction_preview_hides_every_span(api: PageApi, open_page: OpenPage) -> None:
    page = opened(open_page(f"#/d/{scene.with_agreement(api)}?tab=pii.json"))
    assert "Marlo" in page.locator("article").inner_text()
    page.get_by_label("Redacted").check()
    text = page.locator("article").inner_text()
    assert "Marlo" not in text and "XX21" not in text and "▐Person▌" in text
    page.get_by_label("Redacted").uncheck()
    assert len(marks(page)) == 10


def test_key_phrases_are_marked(api: PageApi, open_page: OpenPage) -> None:
    page = opened(open_page(f"#/d/{scene.with_agreement(api)}?tab=keyphrases.json"))
    assert ("l1-0", "reference rate") in marks(page)


def test_raw_json_is_shown(api: PageApi, agreement: Page) -> None:
    agreement.get_by_role("tab", name="JSON").click()
    expect(agreement.locator("pre")).to_contain_text('"stringIndexType": "UnicodeCodePoint"')


def test_unfinished_document_comes_by_itself(api: PageApi, open_page: OpenPage) -> None:
    document = api.put("later.txt", "EUR 500")
    page = open_page(f"#/d/{document.id}")
    expect(page.get_by_text("There is no result yet")).to_be_visible()
    api.work(steps=2)
    opened(page)
    assert [text for _, text in marks(page)] == ["EUR 500"]


@pytest.mark.parametrize("part", ["text", "results/entities.json"])
def test_result_that_just_came_is_shown(api: PageApi, open_page: OpenPage, part: str) -> None:
    """Text and result are asked for together with the document, and may be there only a moment after they were."""
    page = open_page()
    expect(page.locator("h1")).to_be_visible()
    page.route(f"**/api/documents/*/{part}", lambda route: route.fulfill(status=404, json={}), times=1)
    page.goto(f"{api.url}/#/d/{scene.with_agreement(api)}")
    assert len(marks(opened(page), "l")) == len(entities(api))


def test_result_of_an_earlier_version_is_not_shown(api: PageApi, open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("h1")).to_be_visible()
    earlier = {"document": {"etag": '"earlier"'}, "entities": [], "stringIndexType": "UnicodeCodePoint"}
    page.route("**/api/documents/*/results/entities.json", lambda route: route.fulfill(json=earlier), times=1)
    page.goto(f"{api.url}/#/d/{scene.with_agreement(api)}")
    assert len(marks(opened(page), "l")) == len(entities(api))


def test_missing_document_is_told(open_page: OpenPage) -> None:
    page = open_page("#/d/bm8")
    expect(page.get_by_role("heading", name="Not here")).to_be_visible()


def test_long_list_keeps_few_rows(api: PageApi, open_page: OpenPage) -> None:
    document = api.done("many.txt", "\n".join(f"[[Amount:0.9|EUR {n}]] and words" for n in range(2000)))
    page = opened(open_page(f"#/d/{document.id}"))
    assert page.locator(".entity-list .row").count() < 60
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".row[aria-selected=true]")).to_contain_text("EUR 1999")
    expect(page.locator(".flag")).to_be_in_viewport()


def test_click_holds_while_rows_come_and_go(api: PageApi, open_page: OpenPage) -> None:
    """As where the list is still scrolling: the row under the pointer stays the same one."""
    document = api.done("many.txt", "\n".join(f"[[Amount:0.9|EUR {n}]] and words" for n in range(100)))
    page = opened(open_page(f"#/d/{document.id}"))
    row = page.get_by_role("option", name="EUR 3 ")
    row.hover()
    page.mouse.down()
    before = page.locator(".entity-list .row").count()
    page.set_viewport_size({"width": 1440, "height": 800})
    expect(page.locator(".entity-list .row")).not_to_have_count(before)
    page.mouse.up()
    expect(page.locator(".flag")).to_contain_text("Amount 0.90")
    expect(row).to_have_attribute("aria-selected", "true")


def test_link_leads_far_into_a_long_text(api: PageApi, open_page: OpenPage) -> None:
    # Lines of very different lengths: how high a part of the text is can only be guessed before it is near.
    lines = [("short\n" * 8 if n % 3 else "word " * 200) + f"[[Amount:0.9|EUR {n}]]" for n in range(600)]
    document = api.done("long.txt", "\n".join(lines))
    for wanted in ("EUR 560", "EUR 280"):
        page = opened(open_page(f"#/d/{document.id}?at={document.text.index(wanted)}"))
        expect(page.locator(".flag")).to_be_in_viewport()
        expect(page.locator(".current bdi").first).to_have_text(wanted)
        expect(page.locator(".frame").first).to_be_in_viewport()
        shown = "([...CSS.highlights.get('l4-0')].map((one) => one.startContainer.data.slice(one.startOffset, one.endOffset)))"
        assert wanted in page.evaluate(shown)
        assert page.evaluate(f"{shown}.length") < 300


def test_self_contained_view_works_alone(api: PageApi, open_page: OpenPage) -> None:
    ident = scene.with_agreement(api)
    page = open_page()
    content = page.request.get(f"{api.url}/api/documents/{ident}/view.html").text()
    offline = page.context.browser.new_page()  # type: ignore[union-attr]
    errors: list[str] = []
    offline.on("console", lambda message: errors.append(message.text))
    offline.context.set_offline(True)
    offline.set_content(content)
    assert len(marks(offline)) == 27
    offline.get_by_role("button", name="Next entity").click()
    expect(offline.locator("#now")).to_contain_text("1 of 27")
    offline.get_by_label("Borrower").first.uncheck()
    assert len(marks(offline)) == 21
    offline.get_by_role("slider").fill("0.9")
    assert {
        float(row)
        for row in offline.evaluate("[...document.querySelectorAll('li:not([hidden])')].map((row) => row.dataset.sure)")
    } >= {0.9}
    assert errors == []
    offline.context.close()
