"""The page's modules without a page: decisions, undo, merging, offsets. They run in the browser that they are for."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page

from functions.text.offsets import TEXT_ELEMENT, UTF16, Ruler
from functions.web.result_page import lanes_of
from tests.browser.conftest import OpenPage

TEXTS = ["plain", "🥐 a🏠🎉b", "e\u0301\u0302 x", "\u0301first", "a\u200d🧑\u200d🌾 z", "אילבן", ""]


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


def run(page: Page, module: str, body: str, argument: Any = None) -> Any:
    return page.evaluate(f"async (given) => {{ const m = await import('/static/{module}.js'); {body} }}", argument)


@pytest.mark.parametrize("unit", ["UnicodeCodePoint", UTF16, TEXT_ELEMENT])
def test_offsets_agree_with_the_app(page: Page, unit: str) -> None:
    expected = []
    for text in TEXTS:
        ruler, units = Ruler(text, unit), Ruler(text, UTF16)
        # Only where an element begins is there a position in every unit.
        starts = [at for at in range(len(text) + 1) if ruler.to_code_point(ruler.to_unit(at)) == at] if text else [0]
        expected.append([[ruler.to_unit(at) if text else 0, units.to_unit(at) if text else 0] for at in starts])
    body = "return given.texts.map((text, n) => given.pairs[n].map(([there, here]) => { const o = new m.Offsets(text, given.unit); return [o.fromUnits(here), o.toUnits(there)]; }));"
    found = run(page, "offsets", body, {"texts": TEXTS, "pairs": expected, "unit": unit})
    assert found == expected


def test_selection_snaps_to_words(page: Page) -> None:
    body = "return given.map(([start, end]) => { const s = m.snapToWords('Ann Lee, 🥐 x', start, end); return s && 'Ann Lee, 🥐 x'.slice(s.start, s.end); });"
    assert run(page, "offsets", body, [[1, 2], [1, 5], [3, 4], [7, 8], [9, 10], [2, 9]]) == [
        "Ann",
        "Ann Lee",
        None,
        ",",
        "🥐",
        "Ann Lee,",
    ]


def test_occurrences_are_whole_words(page: Page) -> None:
    assert run(
        page, "offsets", "return m.occurrences('Ann Anna Ann-Lee ann Ann', 'Ann').map(({ start }) => start);"
    ) == [0, 9, 21]


def test_lanes_agree_with_the_self_contained_view(page: Page) -> None:
    chance = random.Random(1)
    for _ in range(30):
        spans = [
            (start, start + chance.randint(1, 12))
            for start in (chance.randint(0, 60) for _ in range(chance.randint(0, 25)))
        ]
        found = run(page, "offsets", "return m.lanes(given.map(([start, end]) => ({ start, end })));", spans)
        assert found == lanes_of(spans)


STEPS = """
  let state = given.seed;
  const chance = (n) => { state = (state * 1103515245 + 12345) % 2147483648; return state % n; };
  let n = 0;
  const record = () => ({ id: `r${(n += 1)}`, at: '2026-11-25T10:14:00Z', by: 'key' });
  const text = 'Ann Lee owes EUR 500 to Ann Lee and Bob at 3 May'.repeat(2);
  const models = [['A', 0, 7], ['B', 13, 20], ['A', 24, 31], ['C', 36, 39], ['A', 0, 20]].map(([category, start, end], k) => ({ category, start, end, confidence: k / 5 }));
  let items = m.apply(m.undecided(models), []);
  const history = new m.History();
  const states = [items];
  const look = (list) => list.map(({ id, decision, category, start, end, record: r }) => [id, decision, category, start, end, r && r.id]).sort();
  for (let k = 0; k < 40; k += 1) {
    const item = items[chance(items.length)];
    const changes = [
      () => m.decide(item, 'accepted', record()), () => m.decide(item, 'rejected', record()), () => m.alter(item, { category: 'ABC'[chance(3)] }, record()),
      () => m.alter(item, { start: item.start, end: item.end + 1 + chance(4) }, record()), () => m.add(items, { start: chance(40), end: 41 + chance(9) }, 'D', record()),
      () => m.acceptAbove(items, 0.5, record), () => m.same(items, item, [{ start: 0, end: 7 }, { start: 24, end: 31 }, { start: 48, end: 55 }], record),
    ][chance(7)]();
    if (!changes.length) continue;
    history.push({ document: 'd', changes });
    items = m.apply(items, changes);
    states.push(items);
  }
"""


def test_undo_and_redo_reach_every_state(page: Page) -> None:
    body = (
        STEPS
        + """
      for (let k = states.length - 2; k >= 0; k -= 1) { items = m.apply(items, history.undo().changes); if (JSON.stringify(look(items)) !== JSON.stringify(look(states[k]))) return `undo ${k}`; }
      for (let k = 1; k < states.length; k += 1) { items = m.apply(items, history.redo().changes); if (JSON.stringify(look(items)) !== JSON.stringify(look(states[k]))) return `redo ${k}`; }
      return states.length > 10 && history.redo() === undefined;
    """
    )
    assert [run(page, "review", body, {"seed": seed}) for seed in range(60)] == [True] * 60


def test_stored_decisions_come_back(page: Page) -> None:
    body = (
        STEPS
        + """
      const { Offsets } = await import('/static/offsets.js');
      const offsets = new Offsets(text);
      const again = m.fromDecisions(m.undecided(models), m.toDecisions(items, offsets), offsets);
      return [look(again).map((one) => one.slice(1)), look(items).map((one) => one.slice(1))];
    """
    )
    for seed in range(60):
        found, expected = run(page, "review", body, {"seed": seed})
        assert sorted(map(str, found)) == sorted(map(str, expected))


def test_merge_keeps_what_one_person_did(page: Page) -> None:
    body = (
        STEPS
        + """
      const base = m.undecided(models);
      const mine = m.apply(base, m.decide(base[0], 'accepted', record()));
      const theirs = m.apply(base, [...m.decide(base[1], 'rejected', record()), ...m.add(base, { start: 40, end: 44 }, 'D', record())]);
      const merged = m.merge(base, mine, theirs);
      return [merged.items.map(({ decision }) => decision).sort(), merged.theirs, merged.conflicts.length];
    """
    )
    found = run(page, "review", body, {"seed": 1})
    assert (sorted(map(str, found[0])), found[1:]) == (
        ["None", "None", "None", "accepted", "added", "rejected"],
        [2, 0],
    )


def test_merge_finds_where_both_differ(page: Page) -> None:
    body = (
        STEPS
        + """
      const base = m.undecided(models);
      const mine = m.apply(base, m.decide(base[0], 'accepted', record()));
      const theirs = m.apply(base, m.decide(base[0], 'rejected', record()));
      const { items: merged, conflicts } = m.merge(base, mine, theirs);
      return ['mine', 'theirs', 'open'].map((whose) => m.settle(merged, conflicts, whose).find(({ id }) => id === 'm0').decision);
    """
    )
    assert run(page, "review", body, {"seed": 1}) == ["accepted", "rejected", None]


def test_id_is_base64url_of_the_name(page: Page) -> None:
    from tests.support.page_api import document_id

    names = ["a.txt", "ä/🥐?>.txt", "n" * 900]
    assert run(page, "api", "return given.map(m.idOf);", names) == [document_id(name) for name in names]
