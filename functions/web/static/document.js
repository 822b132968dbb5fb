// One document: its text with the entities marked, what to hide at the left, what there is at the right, a tab for each
// result. In review mode reviewing.js adds the decisions.
import { getJson, getVersioned, query, send } from './api.js';
import { Categories } from './categories.js';
import { acts, button, fileOf, fill, h, icon, messageView, pathOf, reopen, template } from './dom.js';
import { EntityList } from './entitylist.js';
import { Highlighter, UNSURE } from './highlights.js';
import { keysOf } from './keys.js';
import { badge, categoryName, cause, replay, rowsOf } from './rows.js';
import { ask, clearNotice, copy, notice } from './messages.js';
import { Offsets, lanes, occurrences } from './offsets.js';
import { preferences, remember } from './preferences.js';
import { fromDecisions, undecided } from './review.js';
import { TextPane, sureBar } from './textpane.js';
import { clock, day, language, list as listOf, number, place, sure, t } from './words.js';

const ENTITIES = 'entities.json';
const SORTS = { position: (a, b) => a.start - b.start, sure: (a, b) => sureness(a) - sureness(b), category: (a, b) => (a.category < b.category ? -1 : a.category > b.category ? 1 : a.start - b.start) };
export const sureness = (item) => item.model?.confidence ?? 1;

export async function open({ app, main, id, mode, params, isCurrent }) {
  if (mode === 'review' && !id) return (await import('./reviewing.js')).openQueue(app, main);
  const path = `documents/${id}`;
  const likely = params.get('tab') ?? ENTITIES;
  const askText = () => send(`${path}/text`).then((response) => response.text());
  const answers = (suffix) => [getJson(`${path}/results/${suffix}`), suffix === ENTITIES ? getVersioned(`${path}/corrections`) : null];
  const orError = (promise) => promise?.catch((error) => error);
  // Asked for at once, and not needed where there is no result yet, or only others.
  const asked = [askText(), ...answers(likely)].map(orError);
  const row = await getJson(path);
  if (!isCurrent()) return null;
  document.title = `${fileOf(row.name)} · ${t(`state.${row.state}`)} · Entity Drop`;
  if (row.state === 'failed' && !row.results.length) return (await import('./failed.js')).open({ app, main, row });
  if (!row.text || !row.results.length) return unfinished(app, main, row);
  const suffix = params.get('tab') ?? (row.results.find((result) => result.suffix.endsWith(ENTITIES)) ?? row.results[0]).suffix.replace(/^\./, '');
  const all = [asked[0], ...(suffix === likely ? asked.slice(1) : answers(suffix).map(orError))];
  let [reviewing, ...found] = await Promise.all([mode === 'review' ? import('./reviewing.js') : null, ...all]);
  // They may have come, or become newer ones, just after they were asked for.
  if (found.some((one) => one?.status === 404) || ![undefined, row.etag].includes(found[1].document?.etag)) found = await Promise.all([askText(), ...answers(suffix)].map(orError));
  if (!isCurrent()) return null;
  for (const one of found) if (one instanceof Error) throw one;
  const [text, result, corrections] = found;
  const view = new DocumentView({ app, main, row, text, suffix, result, corrections, params, mode });
  if (reviewing) await reviewing.start(view);
  return view;
}

function unfinished(app, main, row) {
  main.replaceChildren(messageView(h('bdi', fileOf(row.name)), [badge(row), h('br'), t('noResultYet')], { href: app.lastList }));
  return { async onStatus() {
    const now = await getJson(`documents/${row.id}`);
    if (now.state !== row.state && app.view === this) reopen();
  } };
}

class DocumentView {
  constructor({ app, main, row, text, suffix, result, corrections, params, mode }) {
    Object.assign(this, { app, row, text, suffix, result, corrections, view: template('document-view'), hidden: new Set(), least: 0, sort: 'position', filter: '', current: null, path: `documents/${row.id}`, isReview: mode === 'review' });
    const { view } = this;
    view.root.classList.add(mode);
    // The view has the height of the window, and its parts scroll.
    document.body.classList.add('framed');
    main.replaceChildren(view.root);
    this.offsets = new Offsets(text, result.stringIndexType);
    this.items = undecided((result.entities ?? this.#phrases()).map((entity) => this.#entity(entity)).sort((a, b) => a.start - b.start || b.end - a.end));
    if (corrections) this.items = fromDecisions(this.items, corrections.value.decisions, new Offsets(text, corrections.value.stringIndexType));
    this.categories = new Categories(suffix === ENTITIES ? app.categories() : [], this.items.map(({ category }) => category));
    this.#head();
    this.#tabs();
    this.#classes();
    this.pane = new TextPane(view.text, view.scroll, text, row.language);
    this.marks = new Highlighter(this.pane);
    this.list = new EntityList(view.list, { draw: (item) => this.drawRow(item), pick: (item) => this.choose(item.id), review: this.isReview });
    this.#controls();
    this.#legend();
    this.#places();
    // In review it is drawn once that has begun.
    if (!this.isReview) this.show();
    this.resized = new ResizeObserver(() => { this.frame(); this.#ruler(); });
    this.resized.observe(view.text);
    keysOf(this.keys());
    const at = params.get('at');
    this.wanted = at === null ? null : this.items.find((item) => item.start >= Number(at));
    if (this.wanted && !this.isReview) this.choose(this.wanted.id);
  }

  close() {
    document.body.classList.remove('framed');
    clearTimeout(this.later);
    this.marks.close();
    this.marks.clear();
    this.resized.disconnect();
    this.list.observer.disconnect();
    this.reviewing?.close();
    for (const id of ['newer', 'deferred']) clearNotice(id);
  }

  isUnsaved() {
    return this.reviewing && !this.reviewing.saver.isSaved;
  }

  async onStatus() {
    const [now] = await rowsOf([this.row.id]);
    if (now && now.etag !== this.row.etag && this.app.view === this) this.newer();
  }

  newer() {
    notice('newer', 'plain', t('newer'), t('newerText'), { words: t('reload'), run: reopen });
  }

  onTheme() {
    this.#ruler();
  }

  /** The keys of reading, which review has too. */
  keys() {
    const next = () => this.step(1);
    const previous = () => this.step(-1);
    return { J: next, ArrowDown: next, K: previous, ArrowUp: previous, ',': () => this.neighbour(-1), '.': () => this.neighbour(1), R: () => this.app.go(`#/review/${this.row.id}`), Escape: () => this.leave() };
  }

  leave() {
    if (!this.filter && !this.hidden.size) return this.app.go(this.isReview ? '#/' : this.app.lastList);
    this.hidden.clear();
    this.view.filter.value = this.filter = '';
    this.#legend();
    return this.show();
  }

  // --- What there is ---

  /** The items, in the order of the text. */
  set items(items) {
    this.all = items;
    this.byId = new Map(items.map((item) => [item.id, item]));
  }

  get items() {
    return this.all;
  }

  item(id) {
    return this.byId.get(id);
  }

  #entity({ category, offset, length, utf16Offset, utf16Length, confidenceScore = 1, location }) {
    const [start, end] = typeof utf16Offset === 'number' ? [utf16Offset, utf16Offset + utf16Length] : [this.offsets.toUnits(offset), this.offsets.toUnits(offset + length)];
    return { category, start, end, confidence: confidenceScore, location };
  }

  #phrases() {
    const places = (phrase) => occurrences(this.text, phrase).slice(0, 200);
    return (this.result.keyPhrases ?? []).flatMap((phrase) => places(phrase).map(({ start, end }) => ({ category: t('keyPhrase'), utf16Offset: start, utf16Length: end - start })));
  }

  wordsOf({ start, end }) {
    return this.text.slice(start, end).replace(/\s+/g, ' ');
  }

  isVisible(item) {
    return !this.hidden.has(item.category) && (this.isReview ? !this.isPlain || item.decision : item.decision || sureness(item) >= this.least);
  }

  isListed(item) {
    return this.isVisible(item) && (!this.filter || this.wordsOf(item).toLowerCase().includes(this.filter)) && (this.reviewing?.isListed(item) ?? true);
  }

  // --- Showing ---

  /** Draw everything that follows from the items and the filters. */
  show() {
    const { view } = this;
    this.visible = this.items.filter((item) => this.isVisible(item));
    const lane = lanes(this.visible);
    this.lane = new Map(this.visible.map((item, n) => [item.id, lane[n]]));
    this.marks.clear();
    for (const item of this.visible) this.mark(item);
    this.listed = this.items.filter((item) => this.isListed(item)).sort(SORTS[this.sort]);
    this.list.show(this.listed, this.current);
    view.foot.textContent = t('shownOf', { n: this.listed.length, all: this.items.length });
    if (!this.items.length) fill(view.list, h('div.empty', h('h2', t('noEntities')), h('p', t(this.isReview ? 'noEntitiesReview' : 'noEntitiesText', { n: this.row.characters ?? this.text.length }))));
    this.frame();
    this.#ruler();
    this.#sayHidden();
  }

  mark(item) {
    const status = item.decision === 'rejected' ? 'rejected' : item.decision ? 'confirmed' : 'found';
    this.marks.mark(item.id, { start: item.start, end: item.end, colour: this.categories.colour(item.category), confidence: sureness(item), lane: this.lane.get(item.id), status });
  }

  /** Show what changed: only these items if nothing else moved. */
  update(items, changed) {
    const moved = changed.some(({ before, after }) => !before || !after || before.start !== after.start || before.end !== after.end);
    this.items = items;
    if (moved || this.isPlain || this.reviewing?.only) this.show();
    else {
      for (const { after } of changed) if (this.lane.has(after.id)) this.mark(after);
      this.listed = this.listed.map(({ id }) => this.item(id));
      this.list.show(this.listed, this.current);
      this.frame();
    }
    for (const n of this.view.categories.querySelectorAll('[data-of]')) n.textContent = number(this.items.filter(({ category }) => category === n.dataset.of).length);
  }

  chip(category) {
    return h(`span.chip.c${this.categories.colour(category)}`, { 'aria-hidden': 'true' }, this.categories.key(category) || '·');
  }

  nameOf(item) {
    const value = sureness(item);
    return listOf([this.wordsOf(item), item.category, sure(value), value < UNSURE && t('unsure'), item.decision && t(`decision.${item.decision}`), place(item.model?.location)].filter(Boolean));
  }

  drawRow(item) {
    const value = sureness(item);
    const what = [this.chip(item.category), h('bdi.what', { class: item.decision === 'rejected' ? 'gone' : null }, this.wordsOf(item))];
    if (this.reviewing) return [what, this.reviewing.drawRow(item, value)];
    return [what, h('span.value', sureBar(value, UNSURE), sure(value), value < UNSURE && h('span.sr', t('unsure'))),
      h('span.hint.kind', item.category, item.decision && h('span.ok', ` · ${t(`decision.${item.decision}`)}`)), h('span.hint.where', place(item.model?.location))];
  }

  // --- The current entity ---

  choose(id, { quiet } = {}) {
    this.current = id ?? null;
    const item = this.item(id);
    if (item && !quiet) this.pane.show(item.start, item.end, innerWidth < 800 ? this.view.side.offsetHeight : this.isReview ? 72 : 0);
    this.list.reach(this.current);
    this.frame();
    this.card();
  }

  step(direction) {
    if (!this.listed.length) return;
    const last = this.listed.length - 1;
    const n = this.listed.findIndex(({ id }) => id === this.current);
    this.choose(this.listed[n < 0 ? (direction > 0 ? 0 : last) : Math.min(last, Math.max(0, n + direction))].id);
  }

  neighbour(direction) {
    const ids = (this.isReview ? this.app.queue?.rows.map(({ id }) => id) : this.app.order) ?? [];
    const next = ids[ids.indexOf(this.row.id) + direction];
    if (next) this.app.go(`#/${this.isReview ? 'review' : 'd'}/${next}`);
  }

  /** Show the current entity, or the span that is being chosen. */
  card() {
    const { view } = this;
    const item = this.item(this.current);
    const span = this.reviewing?.pending ?? item;
    view.current.hidden = !span;
    if (!span) return;
    view.cardText.textContent = this.text.slice(span.start, span.end);
    view.cardAt.textContent = t('nOf', { n: this.listed.findIndex(({ id }) => id === this.current) + 1, all: this.listed.length });
    view.cardPlace.textContent = place(span.model?.location);
    if (item) {
      const value = sureness(item);
      fill(view.cardCategory, this.chip(item.category), h('span.kind', item.category));
      fill(view.cardSure, item.model && [sureBar(value, UNSURE), value < UNSURE ? t('valueUnsure', { value: sure(value) }) : sure(value)]);
      view.cardReview.href = `#/review/${this.row.id}?at=${item.start}`;
    }
    this.reviewing?.card(item);
  }

  /** Draw the frame around the current entity, or around the span that is being chosen, and its flag. */
  frame() {
    const { text } = this.view;
    for (const old of text.querySelectorAll('.frame, .flag')) old.remove();
    const span = this.reviewing?.pending ?? this.item(this.current);
    const boxes = span ? this.pane.boxes(span.start, span.end) : [];
    const at = (element, { left, top, width, height }) => text.appendChild(Object.assign(element, { style: `left:${left}px;top:${top}px;${width ? `width:${width}px;height:${height}px` : ''}` }));
    for (const { left, top, width, height } of boxes) at(h('span.frame'), { left: left - 3, top: top - 3, width: width + 6, height: height + 8 });
    if (!boxes.length || !span.category) return;
    const [first, last] = [boxes[0], boxes.at(-1)];
    const flag = text.appendChild(h('span.flag', { 'aria-hidden': 'true' }, h('b', span.category), ` ${span.model ? sure(sureness(span)) : ''} ${place(span.model?.location)}`));
    at(flag, { left: Math.max(0, Math.min(first.left - 3, text.clientWidth - flag.offsetWidth)), top: first.top < 20 ? last.top + last.height + 5 : first.top - 17 });
  }

  #clicked(event) {
    if (!getSelection().isCollapsed) return;
    const at = this.pane.offsetAt(event.clientX, event.clientY);
    const here = at === null ? [] : this.visible.filter(({ start, end }) => start <= at && at < end).sort((a, b) => a.end - a.start - (b.end - b.start));
    if (here.length) this.choose(here[(here.findIndex(({ id }) => id === this.current) + 1) % here.length].id, { quiet: true });
  }

  // --- Around the text ---

  #head() {
    const { view, row, app, result, isReview } = this;
    const file = fileOf(row.name);
    view.order.hidden = !isReview;
    view.path.textContent = `${pathOf(row.name, 'documents')} / `;
    fill(view.title, h('bdi', { title: row.name }, file));
    view.title.classList.toggle('long', file.length > 160);
    view.showName.hidden = file.length <= 160;
    view.back.href = isReview ? '#/' : app.lastList;
    for (const link of view.root.querySelectorAll('.to-review')) link.href = `#/review/${row.id}`;
    const pages = this.items.reduce((most, { model }) => Math.max(most, model?.location?.page ?? 0), 0);
    const ended = result.completedDateTime;
    const { warnings } = result;
    const facts = [badge({ ...row, review: false, warnings: 0 }), row.review && !row.reviewed && badge(row), listOf([pages && t('nPages', { n: pages }), t('nCharacters', { n: row.characters ?? this.text.length })].filter(Boolean)),
      row.language && new Intl.DisplayNames(language, { type: 'language' }).of(row.language), row.model, ended && t('doneAt', { time: `${day(ended)}, ${clock(ended)}` })];
    fill(view.facts, facts.map((fact) => fact && h('span', fact)), row.problem && button(cause(row), () => this.#askProblem(row), { icon: 'failed', class: 'linklike bad' }),
      warnings?.length > 0 && button(t('nWarnings', { n: warnings.length }), () => ask(t('warnings'), h('ul', warnings.map(({ message }) => h('li', message))), [{ words: t('close'), safe: true }]), { icon: 'warning', class: 'linklike warn' }));
    const download = (what, name) => () => app.download(`${this.path}/${what}`, name);
    acts(view.root, {
      showName: (element) => { view.title.classList.remove('long'); element.hidden = true; },
      before: () => this.neighbour(-1), after: () => this.neighbour(1), previous: () => this.step(-1), next: () => this.step(1), copyLink: () => copy(this.link(), t('linkCopied')),
      content: download('content', file), json: download(`results/${this.suffix}`, `${file}.${this.suffix}`), csv: download('entities.csv', `${file}.entities.csv`), html: download('view.html', `${file}.html`),
    });
  }

  async #askProblem(row) {
    const { problem } = row;
    if (await ask(t('whatHappened'), [h('p', problem.message), h('h3', t('whatToDo')), h('p', problem.help)], [problem.canReplay && { words: t('replay'), value: true }, { words: t('close'), value: null, safe: true }])) replay(this.app, row);
  }

  link() {
    const item = this.item(this.current);
    return new URL(`#/d/${this.row.id}${query({ tab: this.suffix === ENTITIES ? '' : this.suffix, at: item?.start })}`, location.href).href;
  }

  #tabs() {
    const { view, row, result } = this;
    view.tabs.hidden = this.isReview;
    const size = (result.entities ?? result.classes ?? result.keyPhrases)?.length;
    const tab = (name, words) => h('button.tab', { role: 'tab', 'aria-selected': String(name === this.suffix), tabindex: name === this.suffix ? 0 : -1, onclick: (event) => this.#toTab(name, event.currentTarget) }, words, name === this.suffix && size >= 0 && h('span.pill', number(size)));
    fill(view.tabs, row.results.map(({ kind, task, suffix }, _, all) => tab(suffix.replace(/^\./, ''), `${t(`task.${kind}`)}${all.filter((other) => other.kind === kind).length > 1 ? ` · ${task}` : ''}`)), tab('', 'JSON'));
    view.tabs.onkeydown = ({ key, target }) => {
      const move = { ArrowRight: 'nextElementSibling', ArrowLeft: 'previousElementSibling' }[key];
      if (move) (target[move] ?? view.tabs[key === 'ArrowRight' ? 'firstElementChild' : 'lastElementChild']).focus();
    };
  }

  #toTab(suffix, tab) {
    if (suffix) return this.app.go(`#/d/${this.row.id}${query({ tab: suffix })}`);
    for (const other of this.view.tabs.children) other.setAttribute('aria-selected', String(other === tab));
    this.view.body.classList.add('plain');
    return fill(this.view.body, h('pre.json', { tabindex: 0, 'aria-label': 'JSON', role: 'region' }, JSON.stringify(this.result, null, 2)));
  }

  #classes() {
    const { view, result: { classes } } = this;
    view.classes.hidden = !classes;
    if (!classes) return;
    view.root.classList.add('no-marks');
    fill(view.classes, classes.map(({ category, confidenceScore }) => h('li', h('bdi.what', category), h('span.value', sureBar(confidenceScore, UNSURE), sure(confidenceScore)))));
  }

  #controls() {
    const { view } = this;
    view.filter.placeholder = view.filter.ariaLabel = t('filterEntities', { n: this.items.length });
    view.filter.oninput = () => { this.filter = view.filter.value.trim().toLowerCase(); this.show(); };
    view.sort.onchange = () => { this.sort = view.sort.value; this.show(); };
    view.redactBar.hidden = !this.result.redacted;
    view.redact.onchange = () => this.#redact(view.redact.checked);
    view.how.open = !preferences.howFolded;
    view.how.ontoggle = () => remember({ howFolded: !view.how.open });
    view.range.oninput = () => this.setLeast(Number(view.range.value));
    view.scroll.addEventListener('click', (event) => this.#clicked(event));
    view.ruler.onclick = ({ offsetY }) => view.scroll.scrollTo({ top: (offsetY / view.ruler.clientHeight) * view.scroll.scrollHeight - view.scroll.clientHeight / 2 });
    const unfold = (part, name) => (element) => element.setAttribute('aria-expanded', String(part.classList.toggle(name)));
    acts(view.root, { grip: unfold(view.side, 'up'), slider: unfold(view.legend, 'open'), showAll: () => { this.hidden.clear(); this.setLeast(0); this.#legend(); }, showUnsure: () => this.setLeast(0) });
    const bins = new Array(20).fill(0);
    for (const item of this.items) bins[Math.min(19, Math.floor(sureness(item) * 20))] += 1;
    const most = Math.max(1, ...bins);
    fill(view.histogram, bins.map((n) => h('i', { '--high': n ? 0.08 + (0.92 * n) / most : 0.03 })));
  }

  /** Show each span as a block with its category's name, or the text again. */
  #redact(on) {
    let text = this.text;
    if (on) for (const { start, end, category } of [...this.items].reverse()) text = `${text.slice(0, start)}▐${category}▌${text.slice(end)}`;
    this.pane = new TextPane(this.view.text, this.view.scroll, text, this.row.language);
    this.marks.see(this.pane);
    this.current = null;
    if (!on) return this.show();
    for (const { index, 0: block } of text.matchAll(/▐[^▌\n]*▌/g)) this.marks.mark(index, { start: index, end: index + block.length, status: 'redacted' });
    return this.frame();
  }

  #legend() {
    const { view } = this;
    const counted = new Map();
    for (const { category } of this.items) counted.set(category, (counted.get(category) ?? 0) + 1);
    const names = this.categories.names.filter((name) => counted.has(name) || this.isReview);
    // Only this category, or all again where it is alone already.
    const only = (name) => {
      const alone = this.hidden.size === names.length - 1 && !this.hidden.has(name);
      this.hidden = new Set(alone ? [] : names.filter((other) => other !== name));
      this.#legend();
      this.show();
    };
    const focused = view.categories.contains(document.activeElement) && document.activeElement.value;
    fill(view.categories, names.map((name) => {
      const toggle = ({ target }) => { this.hidden[target.checked ? 'delete' : 'add'](name); this.show(); };
      return h('li', { ondblclick: (event) => { event.preventDefault(); only(name); }, onclick: (event) => { if (event.shiftKey) { event.preventDefault(); only(name); } } },
        h('label', { class: counted.has(name) ? null : 'none' }, h('input', { type: 'checkbox', value: name, checked: !this.hidden.has(name), onchange: toggle }), this.chip(name), categoryName(this.categories, name), h('span.n', { 'data-of': name }, number(counted.get(name) ?? 0)), icon('eye'), icon('hidden')));
    }));
    if (focused) view.categories.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
    this.#sayHidden();
  }

  setLeast(value) {
    this.least = value;
    if (this.isReview) this.#sayHidden();
    else this.show();
    this.reviewing?.tools();
  }

  #sayHidden() {
    const { view, least, items } = this;
    const kept = items.filter((item) => sureness(item) >= least).length;
    view.range.value = least;
    view.range.style.setProperty('--at', `${least * 100}%`);
    view.range.setAttribute('aria-valuetext', t('valueShown', { value: sure(least), n: kept, all: items.length }));
    view.sliderValue.textContent = view.sliderChipValue.textContent = `≥ ${sure(least)}`;
    [...view.histogram.children].forEach((bar, n) => bar.classList.toggle('below', (n + 1) / 20 <= least + 1e-9));
    view.hidden.hidden = this.isReview || kept === items.length;
    view.keptOf.textContent = t('shownOf', { n: kept, all: items.length });
    view.lessSure.textContent = t('lessSure', { n: items.length - kept });
  }

  /** Say in the margin where a new page, sheet or part begins, as far as the entities tell, and offer to go there. */
  #places() {
    const { goTo, places } = this.view;
    let last = null;
    for (const { id, start, model } of this.items) {
      const { row, ...where } = model?.location ?? {};
      const here = Object.values(where).join();
      if (!here || here === last) continue;
      const paragraph = this.pane.nodes[this.pane.paragraphAt(start)].parentNode;
      if (last !== null) paragraph.classList.add('begins');
      const words = place(where);
      paragraph.dataset.place ??= words;
      places.append(h('option', { value: id }, words));
      last = here;
    }
    this.view.text.classList.toggle('placed', last !== null);
    goTo.hidden = places.length < 2;
    places.onchange = () => this.choose(places.value);
  }

  // After what is under way, and once for several reasons: it measures, and nobody waits for it.
  #ruler() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.#drawRuler(), 100);
  }

  #drawRuler() {
    const { ruler, text, scroll } = this.view;
    const context = ruler.getContext('2d');
    const height = ruler.clientHeight;
    Object.assign(ruler, { width: 10, height });
    const style = getComputedStyle(document.documentElement);
    const inks = Array.from({ length: 13 }, (_, n) => style.getPropertyValue(`--c${n}`));
    const scale = height / Math.max(1, scroll.scrollHeight);
    const top = this.pane.tops();
    const above = text.offsetTop;
    let drawn = -1;
    for (const item of this.visible ?? []) {
      const y = Math.round((above + top(item.start)) * scale);
      if (y === drawn) continue;
      drawn = y;
      context.fillStyle = inks[this.categories.colour(item.category)];
      context.fillRect(1, y, 8, 2);
    }
  }
}
