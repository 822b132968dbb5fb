"""The view of the model: what it tells, its command, and what it says where there is nothing to tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import scene
from tests.browser.conftest import PHONE, OpenPage, turn
from tests.browser.test_manners import violations
from tests.support.page_api import PageApi, problem


def _model(**more: Any) -> dict[str, Any]:
    return scene.model(datetime.now(UTC)) | more


def _card(page: Page, heading: str) -> Locator:
    return page.locator(".card", has=page.get_by_role("heading", name=heading, exact=True))


def _rows(page: Page) -> list[list[str]]:
    """The table of the categories: name, before, latest, change."""
    return page.evaluate(
        """[...document.querySelectorAll('.quality tbody tr')].map((row) => [...row.cells].filter((cell) => !cell.querySelector('.trend')).map((cell) => cell.textContent))"""
    )


def test_model_tells_expiry_reviews_and_quality(api: PageApi, open_page: OpenPage) -> None:
    api.model = _model()
    page = open_page("#/model")
    expect(_card(page, "Current model")).to_contain_text("loans/production (loans-4)trained on")
    expect(_card(page, "Expires")).to_contain_text("27 days left")
    expect(_card(page, "Reviewed since the last training")).to_contain_text("31")
    expect(_card(page, "F1 of all categories")).to_contain_text("0.93loans-4, measured on")
    expect(page.locator(".notice.warn")).to_contain_text("The model loans/production (loans-4) expires in 27 days, on")
    expect(page.get_by_text("31 reviewed documents are not learnt yet.")).to_be_visible()
    expect(page.locator("nav [aria-current]")).to_have_text("Model")


def test_categories_are_told_lowest_first(api: PageApi, open_page: OpenPage) -> None:
    api.model = _model()
    page = open_page("#/model")
    expect(page.locator(".quality")).to_be_visible()
    assert _rows(page) == [
        ["All", "0.91", "0.93", "+0.02"],
        ["Collateral", "0.52", "0.71", "+0.19"],
        ["InterestRate", "0.92", "0.90", "−0.02"],
        ["Borrower", "0.90", "0.93", "+0.03"],
        ["Bank", "0.93", "0.95", "+0.02"],
        ["Amount", "0.94", "0.96", "+0.02"],
        ["Date", "0.97", "0.97", "±0"],
    ]
    share = "document.querySelectorAll('.trend')[1].children[3].getBoundingClientRect().height / document.querySelector('.trend').getBoundingClientRect().height"
    assert page.evaluate(share) == pytest.approx(0.71, abs=0.02)


def test_every_measurement_stands_in_numbers(api: PageApi, open_page: OpenPage) -> None:
    api.model = _model()
    page = open_page("#/model")
    page.get_by_text("All 4 measurements in numbers").click()
    rows = page.locator(".wide-table tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first.locator("td")).to_have_text(["loans-4", "0.93", "0.71", "0.90", "0.93", "0.95", "0.96", "0.97"])
    expect(rows.last.locator("td").nth(2)).to_have_text("–")


@pytest.mark.parametrize(
    ("days", "told", "is_warned"),
    [
        (90, "90 days left", False),
        (89, "89 days left", True),
        (1, "1 day left", True),
        (0, "0 days left", True),
        (-1, "expired", True),
    ],
)
@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Auckland"])
def test_expiry_is_warned_of_below_90_days(
    api: PageApi, open_page: OpenPage, days: int, told: str, is_warned: bool, zone: str
) -> None:
    last = datetime.now(UTC).date() + timedelta(days=days)
    api.model = _model(expires=last.isoformat())
    page = open_page("#/model", timezone_id=zone)
    expect(_card(page, "Expires")).to_contain_text(told)
    expect(_card(page, "Expires")).to_contain_text(f"until {last.day} ")
    expect(page.locator(".notice.warn")).to_have_count(int(is_warned))


def test_command_is_copied_by_keyboard(api: PageApi, open_page: OpenPage) -> None:
    api.model = _model()
    page = open_page("#/model", permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator(".command code")).to_have_text("python -m functions model train --project loans --yes")
    page.get_by_text("All 4 measurements in numbers").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="Measurements")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "python -m functions model train --project loans --yes"
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{api.url}/#/")


NEVER = {"expires": None, "reviewedSinceTraining": 0, "trainedAt": None, "quality": []}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (NEVER, ["not yet trained by the command", "no expiry known", "Nothing was reviewed yet.", "No model was measured yet.", "no evaluation yet"]),
        (NEVER | {"reviewedSinceTraining": 1}, ["1 reviewed document is not learnt yet."]),
        ({"reviewedSinceTraining": 0}, ["Nothing was reviewed since the last training"]),
        ({"reviewedSinceTraining": 5000, "reviewedIsComplete": False}, ["at least 5,000"]),
        ({"model": "/"}, ["No model of your own is set"]),
    ],
    ids=["never trained", "first reviews", "nothing new", "not all counted", "no model"],
)  # fmt: skip
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_what_is_missing_is_said(
    api: PageApi, open_page: OpenPage, more: dict[str, Any], told: list[str], device: dict[str, Any]
) -> None:
    api.model = _model(**more)
    page = open_page("#/model", bypass_csp=True, **device)
    for words in told:
        expect(page.get_by_text(words)).to_be_visible()
    assert violations(page) == []


def test_missing_right_is_said_and_tried_again(api: PageApi, open_page: OpenPage) -> None:
    api.model = problem(403, "not_allowed", "This account may not read the model.")
    page = open_page("#/model", bypass_csp=True)
    expect(page.get_by_role("heading", name="You may not see this")).to_be_visible()
    expect(page.get_by_text("This account may not read the model.")).to_be_visible()
    assert violations(page) == []
    api.model = _model()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".quality")).to_be_visible()


def test_error_of_the_app_is_shown(api: PageApi, open_page: OpenPage) -> None:
    api.model = problem(500, "internal_error", "The history of the model can not be read.")
    page = open_page("#/model")
    expect(page.get_by_role("heading", name="This can not be shown")).to_be_visible()
    expect(page.get_by_text("The history of the model can not be read.")).to_be_visible()


def test_new_reviews_are_told_without_reloading(api: PageApi, open_page: OpenPage) -> None:
    api.model = _model()
    page = open_page("#/model")
    expect(page.get_by_text("31 reviewed documents are not learnt yet.")).to_be_visible()
    turn(page)
    api.model, api.totals = _model(reviewedSinceTraining=32), {"review": 7}
    turn(page)
    expect(page.get_by_text("32 reviewed documents are not learnt yet.")).to_be_visible()


def test_names_with_markup_stay_text(api: PageApi, open_page: OpenPage) -> None:
    name = "<img src=x onerror=alert(1)>"
    measured = {
        "at": "2026-09-01T00:00:00Z",
        "model": name,
        "micro": 0.5,
        "categories": [{"category": name, "f1": 0.5}],
    }
    api.model = _model(model=f"{name}/{name}", quality=[measured], command=name)
    page = open_page("#/model")
    expect(page.locator(".quality tbody th").last).to_have_text(name)
    expect(page.locator(".command code")).to_have_text(name)
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("width", [320, 1181])
def test_many_measurements_and_long_names_fit(api: PageApi, open_page: OpenPage, width: int) -> None:
    names = ["W" * 50, "Lot of words in the name of this category", *(f"Category{n}" for n in range(18))]
    quality = [
        {
            "at": f"2026-0{1 + n // 28}-{1 + n % 28:02}T00:00:00Z",
            "model": "M" * 60,
            "micro": n / 50,
            "categories": [{"category": name, "f1": n / 50} for name in names],
        }
        for n in range(50)
    ]
    api.model = _model(model=f"{'p' * 100}/{'d' * 50}", quality=quality)
    page = open_page("#/model", viewport={"width": width, "height": 800}, locale="de-DE")
    expect(page.locator(".trend").first.locator("i")).to_have_count(50)
    page.locator("main summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(
        "[...document.querySelectorAll('.card :is(.trend, .quality, .command, .figure, .hint)')].every((one) => one.getBoundingClientRect().right <= one.closest('.card').getBoundingClientRect().right)"
    )


def test_status_leads_to_the_model(api: PageApi, open_page: OpenPage) -> None:
    api.model = _model()
    page = open_page("#/status")
    page.get_by_role("link", name="Quality and training").click()
    expect(page.get_by_role("heading", name="Model", exact=True)).to_be_visible()
