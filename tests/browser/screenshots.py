"""The pictures of the documentation: `make screenshots` writes docs/images/*.png.

All people, banks and numbers in them are invented (scene.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from local import chromium
from tests.browser import scene
from tests.browser.conftest import PHONE
from tests.support.page_api import PageApi, document_id

IMAGES = Path(__file__).parents[2] / "docs" / "images"
AGREEMENT = document_id(scene.AGREEMENT_NAME)
FAILED = document_id("loans/2026-11/TC-2026-04102 loan letter.txt")

DROP = """(names) => {
  const data = new DataTransfer();
  for (const [name, size] of names) data.items.add(new File([new Uint8Array(size)], name));
  document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def _uploading(api: PageApi) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        expect(page.locator("tbody tr").first).to_be_visible()
        api.refuse_uploads = 1
        page.evaluate(DROP, [["site-inspection photos + notes.docx", 640_000]])
        expect(page.get_by_text("Upload broke off")).to_be_visible()
        api.gate.clear()
        page.evaluate(
            DROP,
            [
                ["Rahmenkreditvertrag_Wohnungsbaugenossenschaft_Ostervik_final_final.pdf", 9_100_000],
                ["مذكرة قرض الأفران.txt", 1_200_000],
                ["cover letter.txt", 87],
            ],
        )
        expect(page.locator(".summary")).to_contain_text("Uploading 3")

    return act


def _reviewing(page: Page) -> None:
    expect(page.locator(".save")).to_have_text("Saved")
    for key in ("a", "a", "a", "a", "a", "8", "j"):
        page.keyboard.press(key)
    expect(page.locator(".current .what")).to_contain_text("Bäckerei")
    expect(page.locator(".save")).to_have_text("Saved")


def _nothing(_: Page) -> None:
    return


def shoot(
    browser: Browser,
    api: PageApi,
    name: str,
    address: str,
    ready: str,
    act: Callable[[Page], None] = _nothing,
    *,
    full: bool = False,
    **options: Any,
) -> None:
    """Write one picture."""
    context = browser.new_context(
        **{"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB", "reduced_motion": "reduce", **options}
    )
    page = context.new_page()
    page.goto(f"{api.url}/{address}")
    expect(page.locator(ready).first).to_be_visible()
    act(page)
    page.wait_for_load_state("networkidle") if name == "page-first-visit" else page.wait_for_timeout(700)
    page.screenshot(path=IMAGES / f"{name}.png", full_page=full)
    context.close()
    print(name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures whose names are given, all without names."""
    wanted = set(sys.argv[1:] if arguments is None else arguments)
    path = chromium.find()
    if path is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    phone = {**PHONE, "device_scale_factor": 2}
    with PageApi() as api, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))

        def picture(name: str, *more: Any, **options: Any) -> None:
            if not wanted or name in wanted:
                shoot(browser, api, name, *more, **options)

        api.samples = [{"name": f"sample-{n}.txt", "url": f"{api.url}/sample/{n}"} for n in range(3)]
        picture("page-first-visit", "", "h1")
        scene.full_list(api)
        document = f"#/d/{AGREEMENT}?at=300"
        picture("page-list", "", "tbody tr", full=True)
        picture("page-dark", "", "tbody tr", full=True, color_scheme="dark")
        picture("page-document", document, ".frame", viewport={"width": 1440, "height": 1180})
        picture("page-document-dark", document, ".frame", viewport={"width": 1440, "height": 1180}, color_scheme="dark")
        picture("page-failed", f"#/d/{FAILED}", ".what h2")
        picture("page-status", "#/status", ".chart", full=True)
        picture("page-model", "#/model", ".quality", full=True)
        picture("page-phone", "", "tbody tr", **phone)
        picture("page-phone-document", document, ".frame", **phone)
        picture(
            "page-phone-german",
            "",
            "tbody tr",
            **{**phone, "viewport": {"width": 320, "height": 844}, "locale": "de-DE"},
        )
        picture("page-upload", "", "tbody tr", _uploading(api))
        api.gate.set()
        api.documents[scene.AGREEMENT_NAME].corrections = None
        picture("page-review", f"#/review/{AGREEMENT}", ".save", _reviewing, viewport={"width": 1440, "height": 1180})
        content = api.url + f"/api/documents/{AGREEMENT}/view.html"
        if not wanted or "page-one-file" in wanted:
            page = browser.new_page(viewport={"width": 1440, "height": 1180})
            page.set_content(page.request.get(content).text())
            page.get_by_role("button", name="Next entity").click()
            page.screenshot(path=IMAGES / "page-one-file.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
