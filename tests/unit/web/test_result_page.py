import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.web.result_page import lanes_of, result_page

HOSTILE = "<img src=x onerror=alert(1)>"


class Reader(HTMLParser):
    """Collects the tags and the text of the paragraphs and rows."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.paragraphs: list[str] = []
        self.rows: list[dict[str, str | None]] = []
        self.names: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.tags.append((tag, values))
        if tag == "p" and "data-at" in values:
            self.paragraphs.append("")
            self._inside = "p"
        if tag == "li" and "data-start" in values:
            self.rows.append(values)
        if tag == "bdi" and values.get("class") == "what":
            self.names.append("")
            self._inside = "name"

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "p":
            self.paragraphs[-1] += data
        elif self._inside == "name":
            self.names[-1] += data


def result(*entities: dict[str, Any], unit: str = "UnicodeCodePoint") -> dict[str, Any]:
    return {
        "document": {"name": "a.txt", "language": "en"},
        "model": {"project": "loans", "deployment": "production"},
        "stringIndexType": unit,
        "entities": list(entities),
        "completedDateTime": "2026-11-25T10:14:00Z",
    }


def entity(category: str, offset: int, length: int, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"category": category, "offset": offset, "length": length, "confidenceScore": confidence, **more}


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_everything_of_the_document_is_escaped() -> None:
    text = f"{HOSTILE} </p><script>alert(2)</script>"
    page = result_page(
        f"{HOSTILE}.txt", text, result(entity(HOSTILE, 0, len(HOSTILE), location={HOSTILE: HOSTILE})), None, []
    )
    reader = read(page)
    assert [tag for tag, _ in reader.tags if tag in ("img", "script")] == ["script"]
    assert "onerror" not in {name for _, values in reader.tags for name in values}
    assert reader.paragraphs == [text]
    assert reader.names == [HOSTILE]


def test_only_script_is_allowed_by_hash() -> None:
    page = result_page("a.txt", "text", result(), None, [])
    policy = next(values["content"] for tag, values in read(page).tags if values.get("http-equiv"))
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy is not None
    for kind, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")


def test_page_names_no_other_address() -> None:
    page = result_page("a.txt", "text", result(entity("Name", 0, 4)), None, ["Name"])
    assert not re.findall(r"(?:src|href|action)\s*=|url\((?!\"#)|https?://", page)


def test_offsets_count_in_utf16() -> None:
    page = result_page("a.txt", "🥐 Ann\r\nBob", result(entity("Name", 2, 3), entity("Name", 7, 3)), None, ["Name"])
    reader = read(page)
    assert [(row["data-start"], row["data-end"]) for row in reader.rows] == [("3", "6"), ("8", "11")]
    assert [values["data-at"] for tag, values in reader.tags if "data-at" in values] == ["0", "8"]
    assert reader.names == ["Ann", "Bob"]


def test_text_elements_are_converted() -> None:
    page = result_page("a.txt", "e\u0301 Ann", result(entity("Name", 2, 3), unit="TextElements_v8"), None, ["Name"])
    assert read(page).names == ["Ann"]


def test_corrections_are_shown() -> None:
    corrections = {
        "stringIndexType": "UnicodeCodePoint",
        "decisions": [
            {"decision": "rejected", "modelEntity": {"category": "A", "offset": 0, "length": 3}, "entity": None},
            {
                "decision": "changed",
                "modelEntity": {"category": "A", "offset": 4, "length": 3},
                "entity": {"category": "B", "offset": 4, "length": 7},
            },
            {"decision": "added", "modelEntity": None, "entity": {"category": "C", "offset": 12, "length": 4}},
        ],
    }
    page = result_page(
        "a.txt", "one two and four", result(entity("A", 0, 3), entity("A", 4, 3)), corrections, ["A", "B", "C"]
    )
    rows = [(row["data-category"], row["data-start"], row["data-end"], row["data-decision"]) for row in read(page).rows]
    assert rows == [("A", "0", "3", "rejected"), ("B", "4", "11", "changed"), ("C", "12", "16", "added")]
    assert "3 entities: 2 confirmed, 1 rejected by a person" in page


def test_model_order_gives_colours() -> None:
    page = result_page("a.txt", "one two", result(entity("B", 0, 3), entity("Z", 4, 3)), None, ["A", "B"])
    assert [row["data-colour"] for row in read(page).rows] == ["2", "3"]


def test_inner_line_is_above_outer() -> None:
    assert lanes_of([(0, 20), (5, 10), (12, 20), (30, 40)]) == [1, 0, 0, 0]


def test_later_of_two_crossing_is_below() -> None:
    assert lanes_of([(0, 10), (5, 15)]) == [0, 1]


@given(st.text(max_size=60), st.data())
def test_any_text_comes_back(text: str, data: Any) -> None:
    safe = re.sub("[\0\ud800-\udfff]", "\ufffd", text)
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, len(text) - start))
    reader = read(result_page(text or "a", text, result(entity("Any", start, length)), None, []))
    assert reader.paragraphs == re.split(r"\r\n|[\n\r\f]", safe)
    assert reader.names == [" ".join(safe[start : start + length].split())]
    units = len(safe[:start].encode("utf-16-le")) // 2
    assert reader.rows[0]["data-start"] == str(units)
