// One document: its text with the entities marked, what to hide at the left, what there is at the right, a tab for each
// result. In review mode reviewing.js adds the decisions.
import { getJson, getVersioned, query, send } from './api.js';
import { Categories } from './categories.js';
import { button, closing, fileOf, folderOf, h, icon, iconButton, template } from './dom.js';
import { EntityList } from './entitylist.js';
import { Highlighter, UNSURE } from './highlights.js';
import { keysOf } from './keys.js';
import { badge, cause, replay } from './rows.js';
import { ask, clearNotice, copy, failed, notice } from './messages.js';
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
  const row = await getJson(path);
  if (!isCurrent()) return null;
  document.title = `${fileOf(row.name)} · ${t(`state.${row.state}`)} · Entity Drop`;
  if (row.state === 'failed' && !row.results.length) return (await import('./failed.js')).open({ app, main, row });
  if (!row.text || !row.results.length) return unfinished(app, main, row);
  const suffix = params.get('tab') ?? (row.results.find((result) => result.suffix.endsWith(ENTITIES)) ?? row.results[0]).suffix.replace(/^\./, '');
  const [text, result, corrections, reviewing] = await Promise.all([
    send(`${path}/text`).then((response) => response.text()), getJson(`${path}/results/${suffix}`),
    suffix === ENTITIES ? getVersioned(`${path}/corrections`) : null, mode === 'review' ? import('./reviewing.js') : null]);
  if (!isCurrent()) return null;
  const view = new DocumentView({ app, main, row, text, suffix, result, corrections, params, mode });
  if (reviewing) await reviewing.start(view);
  return view;
}

function unfinished(app, main, row) {
  const head = h('div', { class: 'view' }, h('div', { class: 'card empty' }, h('h1', { class: 'long' }, h('bdi', {}, fileOf(row.name))), h('p', {}, badge(row)), h('p', {}, t('noResultYet')), h('a', { class: 'button', href: app.lastList }, t('toDocuments'))));
  main.replaceChildren(head);
  return { async onStatus() {
    const now = await getJson(`documents/${row.id}`);
    if (now.state !== row.state && app.view === this) dispatchEvent(new HashChangeEvent('hashchange'));
  } };
}

class DocumentView {
  constructor({ app, main, row, text, suffix, result, corrections, params, mode }) {
    Object.assign(this, { app, row, text, suffix, result, corrections, mode, view: template('document-view'), hidden: new Set(), least: 0, sort: 'position', filter: '', current: null, path: `documents/${row.id}` });
    const { view } = this;
    this.isReview = mode === 'review';
    view.root.classList.add(mode);
    // The view has the height of the window, and its parts scroll.
    document.body.classList.add('framed');
    main.replaceChildren(view.root);
    this.offsets = new Offsets(text, result.stringIndexType);
    const models = (result.entities ?? this.#phrases()).map((entity) => this.#entity(entity));
    this.items = undecided(models).sort((a, b) => a.start - b.start || b.end - a.end);
    if (corrections) this.items = fromDecisions(this.items, corrections.value.decisions, new Offsets(text, corrections.value.stringIndexType));
    this.categories = new Categories(suffix === ENTITIES ? (app.session.categories ?? []) : [], this.items.map(({ category }) => category));
    this.#head();
    this.#tabs();
    if (suffix.endsWith('classes.json')) this.#classes();
    this.pane = new TextPane(view.text, view.scroll, text, row.language);
    this.marks = new Highlighter(this.pane);
    this.list = new EntityList(view.list, { draw: (item) => this.drawRow(item), pick: (item) => this.choose(item.id), review: this.isReview });
    this.#tools();
    this.#legend();
    this.#places();
    // In review it is drawn once that has begun.
    if (!this.isReview) this.show();
    view.scroll.addEventListener('click', (event) => this.#clicked(event));
    view.ruler.addEventListener('click', ({ offsetY }) => view.scroll.scrollTo({ top: (offsetY / view.ruler.clientHeight) * view.scroll.scrollHeight - view.scroll.clientHeight / 2 }));
    this.resized = new ResizeObserver(() => { this.#frame(); this.#ruler(); });
    this.resized.observe(view.text);
    keysOf(this.keys());
    const at = params.get('at');
    this.wanted = at === null ? null : this.items.find((item) => item.start >= Number(at));
    if (this.wanted && !this.isReview) this.choose(this.wanted.id);
  }

  close() {
    document.body.classList.remove('framed');
    clearTimeout(this.later);
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
    const [now] = (await getJson(`documents${query({ ids: this.row.id })}`)).value;
    if (now && now.etag !== this.row.etag && this.app.view === this) this.newer();
  }

  newer() {
    notice('newer', 'plain', t('newer'), t('newerText'), { words: t('reload'), run: () => dispatchEvent(new HashChangeEvent('hashchange')) });
  }

  onTheme() {
    this.#ruler();
  }

  keys() {
    return { J: () => this.step(1), K: () => this.step(-1), ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), R: () => this.app.go(`#/review/${this.row.id}`),
      ',': () => this.neighbour(-1), '.': () => this.neighbour(1), Escape: () => this.leave() };
  }

  leave() {
    if (this.filter || this.hidden.size) {
      this.hidden.clear();
      this.view.tools.querySelector('input').value = this.filter = '';
      this.#legend();
      this.show();
    } else this.app.go(this.isReview ? '#/' : this.app.lastList);
  }

  // --- What there is ---

  #entity(entity) {
    const start = entity.utf16Offset ?? this.offsets.toUnits(entity.offset);
    const end = entity.utf16Offset !== null && entity.utf16Offset !== undefined ? start + entity.utf16Length : this.offsets.toUnits(entity.offset + entity.length);
    return { category: entity.category, start, end, confidence: entity.confidenceScore ?? 1, location: entity.location };
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

  item(id) {
    return this.items.find((item) => item.id === id);
  }

  // --- Showing ---

  /** Draw everything that follows from the items and the filters. */
  show() {
    const { view } = this;
    const visible = this.items.filter((item) => this.isVisible(item));
    const lane = lanes(visible);
    this.marks.clear();
    visible.forEach((item, n) => this.mark(item, lane[n]));
    this.visible = visible;
    this.lane = new Map(visible.map((item, n) => [item.id, lane[n]]));
    this.listed = this.items.filter((item) => this.isListed(item)).sort(SORTS[this.sort]);
    this.list.show(this.listed, this.current);
    view.foot.textContent = t('shownOf', { n: this.listed.length, all: this.items.length });
    if (!this.items.length) view.list.replaceChildren(h('div', { class: 'empty' }, h('h2', {}, t('noEntities')), h('p', {}, t(this.isReview ? 'noEntitiesReview' : 'noEntitiesText', { n: this.row.characters ?? this.text.length }))));
    this.#frame();
    this.#ruler();
    this.#sayHidden();
  }

  mark(item, lane = this.lane.get(item.id)) {
    const status = item.decision === 'rejected' ? 'rejected' : item.decision ? 'confirmed' : 'found';
    this.marks.mark(item.id, { start: item.start, end: item.end, colour: this.categories.colour(item.category), confidence: sureness(item), lane, status });
  }

  /** Show what changed: only these items if nothing else moved. */
  update(items, changed) {
    const moved = changed.some(({ before, after }) => !before || !after || before.start !== after.start || before.end !== after.end);
    this.items = items;
    if (moved || this.isPlain || this.reviewing?.only) this.show();
    else {
      for (const { after } of changed) if (this.lane.has(after.id)) this.mark(after);
      this.listed = this.listed.map((item) => this.item(item.id));
      this.list.show(this.listed, this.current);
      this.#frame();
    }
    this.#counts();
  }

  chip(category) {
    return h('span', { class: `chip c${this.categories.colour(category)}`, 'aria-hidden': 'true' }, this.categories.key(category) || '·');
  }

  nameOf(item) {
    return listOf([this.wordsOf(item), item.category, sure(sureness(item)), sureness(item) < UNSURE && t('unsure'), item.decision && t(`decision.${item.decision}`), place(item.model?.location)].filter(Boolean));
  }

  drawRow(item) {
    if (this.reviewing) return this.reviewing.drawRow(item);
    const value = sureness(item);
    return [this.chip(item.category), h('bdi', { class: `what${item.decision === 'rejected' ? ' gone' : ''}` }, this.wordsOf(item)), h('span', { class: 'value' }, sureBar(value, UNSURE), sure(value), value < UNSURE && h('span', { class: 'sr' }, t('unsure'))),
      h('span', { class: 'hint kind' }, item.category, item.decision && h('span', { class: 'ok' }, ` · ${t(`decision.${item.decision}`)}`)), h('span', { class: 'hint where' }, place(item.model?.location))];
  }

  // --- The current entity ---

  choose(id, { quiet } = {}) {
    this.current = id ?? null;
    const item = this.item(id);
    if (item && !quiet) this.pane.show(item.start, item.end, innerWidth < 800 ? this.view.side.offsetHeight : this.isReview ? 72 : 0);
    this.list.reach(this.current);
    this.#frame();
    this.#card(item);
  }

  step(direction) {
    if (!this.listed.length) return;
    const n = this.listed.findIndex(({ id }) => id === this.current);
    this.choose(this.listed[n < 0 ? (direction > 0 ? 0 : this.listed.length - 1) : Math.min(this.listed.length - 1, Math.max(0, n + direction))].id);
  }

  neighbour(direction) {
    const ids = (this.isReview ? this.app.queue?.rows.map(({ id }) => id) : this.app.order) ?? [];
    const next = ids[ids.indexOf(this.row.id) + direction];
    if (next) this.app.go(`#/${this.isReview ? 'review' : 'd'}/${next}`);
  }

  #card(item) {
    if (this.reviewing) return this.reviewing.card(item);
    this.view.current.hidden = !item;
    if (item) this.view.current.replaceChildren(...this.cardHead(item), h('p', { class: 'buttons moves' }, iconButton('left', t('keyPrevious'), () => this.step(-1)), iconButton('right', t('nextEntity'), () => this.step(1)),
      this.suffix === ENTITIES && h('a', { class: 'button', href: `#/review/${this.row.id}?at=${item.start}` }, icon('review'), t('reviewIt'))));
  }

  cardHead(item) {
    const value = sureness(item);
    const n = this.listed.findIndex(({ id }) => id === item.id) + 1;
    return [h('p', { class: 'hint' }, t('nOf', { n, all: this.listed.length }), ' ', place(item.model?.location)), h('p', { class: 'what' }, h('bdi', {}, this.wordsOf(item))),
      h('p', { class: 'value' }, this.chip(item.category), h('span', { class: 'kind' }, item.category), item.model && sureBar(value, UNSURE), item.model && (value < UNSURE ? t('valueUnsure', { value: sure(value) }) : sure(value)))];
  }

  /** Draw the frame around the current entity, or around `span`. */
  #frame() {
    const { view } = this;
    for (const old of view.text.querySelectorAll('.frame, .flag')) old.remove();
    const span = this.reviewing?.pending ?? this.item(this.current);
    if (!span) return;
    const boxes = this.pane.boxes(span.start, span.end);
    for (const box of boxes) {
      const frame = h('span', { class: 'frame' });
      Object.assign(frame.style, { left: `${box.left - 3}px`, top: `${box.top - 3}px`, width: `${box.width + 6}px`, height: `${box.height + 8}px` });
      view.text.append(frame);
    }
    if (!boxes.length || !span.category) return;
    const flag = h('span', { class: 'flag', 'aria-hidden': 'true' }, h('b', {}, span.category), ` ${span.model ? sure(sureness(span)) : ''} ${place(span.model?.location)}`);
    view.text.append(flag);
    const left = Math.max(0, Math.min(boxes[0].left - 3, view.text.clientWidth - flag.offsetWidth));
    Object.assign(flag.style, { left: `${left}px`, top: `${boxes[0].top < 20 ? boxes.at(-1).top + boxes.at(-1).height + 5 : boxes[0].top - 17}px` });
  }

  frame() {
    this.#frame();
  }

  #clicked(event) {
    if (!getSelection().isCollapsed) return;
    const at = this.pane.offsetAt(event.clientX, event.clientY);
    const here = at === null ? [] : this.visible.filter(({ start, end }) => start <= at && at < end).sort((a, b) => a.end - a.start - (b.end - b.start));
    if (!here.length) return;
    const next = here[(here.findIndex(({ id }) => id === this.current) + 1) % here.length];
    this.choose(next.id, { quiet: true });
  }

  // --- Around the text ---

  #head() {
    const { view, row, app } = this;
    const folders = folderOf(row.name).split('/').filter(Boolean);
    view.path.append(this.isReview ? `${t('review')} · ${t('leastSureFirst')} · ` : '', h('bdi', {}, ['documents', ...folders, ''].join(' / ')));
    const file = fileOf(row.name);
    view.title.append(h('bdi', { title: row.name }, file));
    if (file.length > 160) {
      view.title.classList.add('long');
      view.title.append(' ', h('button', { class: 'linklike', onclick: (event) => { view.title.classList.remove('long'); event.target.remove(); } }, t('showAllName')));
    }
    view.back.href = this.isReview ? '#/' : app.lastList;
    const pages = this.items.reduce((most, { model }) => Math.max(most, model?.location?.page ?? 0), 0);
    const ended = this.result.completedDateTime;
    const facts = [badge({ ...row, review: false, warnings: 0 }), row.review && !row.reviewed && badge(row), listOf([pages && t('nPages', { n: pages }), t('nCharacters', { n: row.characters ?? this.text.length })].filter(Boolean)),
      row.language && new Intl.DisplayNames(language, { type: 'language' }).of(row.language), row.model, ended && t('doneAt', { time: `${day(ended)}, ${clock(ended)}` })];
    view.facts.append(...facts.filter(Boolean).map((fact) => h('span', {}, fact)));
    const { warnings } = this.result;
    const { problem } = row;
    if (problem) {
      const act = () => ask(t('whatHappened'), [h('p', {}, problem.message), h('h3', {}, t('whatToDo')), h('p', {}, problem.help)], [problem.canReplay && { words: t('replay'), value: 'replay' }, { words: t('close'), value: null, safe: true }].filter(Boolean));
      view.facts.append(button(cause(row), async () => (await act()) && replay(app, row), { icon: 'failed', class: 'linklike bad' }));
    }
    if (warnings?.length) view.facts.append(button(t('nWarnings', { n: warnings.length }), () => ask(t('warnings'), h('ul', {}, warnings.map(({ message }) => h('li', {}, message))), [{ words: t('close'), value: true, safe: true }]), { icon: 'warning', class: 'linklike warn' }));
    const download = (what, name) => () => app.download(`${this.path}/${what}`, name).catch(failed);
    const items = () => [
      button(t('copyLink'), () => copy(this.link(), t('linkCopied')), { icon: 'link' }), button(t('originalFile'), download('content', file)), button('JSON', download(`results/${this.suffix}`, `${file}.${this.suffix}`)),
      button('CSV', download('entities.csv', `${file}.entities.csv`)), button(t('oneFile'), download('view.html', `${file}.html`))];
    const menu = closing(h('details', { class: 'menu' }, h('summary', { class: 'button' }, icon('download'), h('span', {}, t('download')), icon('down')), h('div', { class: 'pop' }, items().slice(1))));
    closing(view.more);
    view.moreItems.append(...items());
    view.actions.append(iconButton('left', t('previousDocument'), () => this.neighbour(-1)), iconButton('right', t('nextDocument'), () => this.neighbour(1)));
    if (this.isReview) return;
    view.actions.append(items()[0], menu, h('a', { class: 'button filled', href: `#/review/${row.id}` }, t('reviewIt'), h('kbd', {}, 'R')));
    view.moreItems.prepend(h('a', { class: 'button', href: `#/review/${row.id}` }, icon('review'), t('reviewIt')));
  }

  link() {
    const item = this.item(this.current);
    return new URL(`#/d/${this.row.id}${query({ tab: this.suffix === ENTITIES ? '' : this.suffix, at: item ? String(item.start) : '' })}`, location.href).href;
  }

  #tabs() {
    const { view, row } = this;
    view.tabs.hidden = this.isReview;
    const kinds = row.results.map(({ kind, task, suffix }, _, all) => ({ suffix: suffix.replace(/^\./, ''), words: `${t(`task.${kind}`)}${all.filter((other) => other.kind === kind).length > 1 ? ` · ${task}` : ''}` }));
    const tabs = [...kinds, { suffix: '', words: 'JSON' }].map(({ suffix, words }) => {
      const isShown = suffix === this.suffix;
      const size = isShown && (this.result.entities ?? this.result.classes ?? this.result.keyPhrases)?.length;
      return h('button', { role: 'tab', class: 'tab', 'aria-selected': String(isShown), tabindex: isShown ? 0 : -1, onclick: (event) => this.#toTab(suffix, event.target.closest('button')) }, words, Number.isInteger(size) && h('span', { class: 'pill' }, number(size)));
    });
    view.tabs.replaceChildren(...tabs);
    view.tabs.onkeydown = ({ key }) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (move) tabs[(tabs.indexOf(document.activeElement) + move + tabs.length) % tabs.length].focus();
    };
  }

  #toTab(suffix, tab) {
    if (suffix) return this.app.go(`#/d/${this.row.id}${query({ tab: suffix })}`);
    for (const other of this.view.tabs.children) other.setAttribute('aria-selected', String(other === tab));
    this.view.body.classList.add('plain');
    return this.view.body.replaceChildren(h('pre', { class: 'json', tabindex: 0, 'aria-label': 'JSON', role: 'region' }, JSON.stringify(this.result, null, 2)));
  }

  #classes() {
    this.view.root.classList.add('no-marks');
    const { classes } = this.result;
    this.view.tools.before(h('ul', { class: 'classes' }, classes.map(({ category, confidenceScore }) => h('li', {}, h('bdi', { class: 'what' }, category), h('span', { class: 'value' }, sureBar(confidenceScore, UNSURE), sure(confidenceScore))))));
  }

  #tools() {
    const { view } = this;
    const field = h('input', { type: 'search', 'aria-label': t('filterEntities', { n: this.items.length }), placeholder: t('filterEntities', { n: this.items.length }), oninput: () => { this.filter = field.value.trim().toLowerCase(); this.show(); } });
    const sort = h('select', { 'aria-label': t('sort'), onchange: () => { this.sort = sort.value; this.show(); } }, Object.keys(SORTS).map((name) => h('option', { value: name }, t(`sort.${name}`))));
    view.tools.append(h('label', { class: 'search' }, icon('search'), field), sort);
    view.grip.onclick = () => view.grip.setAttribute('aria-expanded', String(view.side.classList.toggle('up')));
    view.redactBar.hidden = !this.result.redacted;
    view.redact.onchange = () => this.#redact(view.redact.checked);
  }

  /** Show each span as a block with its category's name, or the text again. */
  #redact(on) {
    let text = this.text;
    const entities = [...this.items].reverse();
    if (on) for (const { start, end, category } of entities) text = `${text.slice(0, start)}▐${category}▌${text.slice(end)}`;
    this.pane = new TextPane(this.view.text, this.view.scroll, text, this.row.language);
    this.marks.clear();
    this.current = null;
    this.marks.pane = this.pane;
    if (!on) return this.show();
    for (const [n, { start, end }] of occurrencesOf(text, /▐[^▌\n]*▌/g).entries()) this.marks.mark(n, { start, end, status: 'redacted' });
    return this.#frame();
  }

  #legend() {
    const { view } = this;
    const counted = new Map();
    for (const { category } of this.items) counted.set(category, (counted.get(category) ?? 0) + 1);
    const names = this.categories.names.filter((name) => counted.has(name) || this.isReview);
    const only = (name) => { this.hidden = new Set(this.hidden.size === names.length - 1 && !this.hidden.has(name) ? [] : names.filter((other) => other !== name)); this.#legend(); this.show(); };
    const focused = view.categories.contains(document.activeElement) && document.activeElement.value;
    view.categories.replaceChildren(...names.map((name) => {
      const box = h('input', { type: 'checkbox', value: name, checked: !this.hidden.has(name), onchange: (event) => {
        if (event.shiftKey) return only(name);
        if (box.checked) this.hidden.delete(name);
        else this.hidden.add(name);
        return this.show();
      } });
      return h('li', { ondblclick: (event) => { event.preventDefault(); only(name); }, onclick: (event) => { if (event.shiftKey) { event.preventDefault(); only(name); } } },
        h('label', { class: counted.has(name) ? '' : 'none' }, box, this.chip(name), h('span', { class: `cat c${this.categories.colour(name)}` }, name), h('span', { class: 'n', 'data-of': name }, number(counted.get(name) ?? 0)), icon('eye'), icon('hidden')));
    }));
    if (focused) view.categories.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
    view.showAll.onclick = () => { this.hidden.clear(); this.setLeast(0); this.#legend(); };
    view.how.open = !preferences.howFolded;
    view.how.ontoggle = () => remember({ howFolded: !view.how.open });
    view.sliderName.textContent = t(this.isReview ? 'sureEnough' : 'confidence');
    view.range.oninput = () => this.setLeast(Number(view.range.value));
    view.range.value = this.least;
    view.sliderChip.onclick = () => view.sliderChip.setAttribute('aria-expanded', String(view.legend.classList.toggle('open')));
    this.bins ??= this.items.reduce((bins, item) => { bins[Math.min(19, Math.floor(sureness(item) * 20))] += 1; return bins; }, new Array(20).fill(0));
    const most = Math.max(1, ...this.bins);
    view.histogram.replaceChildren(...this.bins.map((n) => { const bar = h('i'); bar.style.height = `${n ? 8 + (92 * n) / most : 3}%`; return bar; }));
    this.#sayHidden();
  }

  #counts() {
    for (const n of this.view.categories.querySelectorAll('[data-of]')) n.textContent = number(this.items.filter(({ category }) => category === n.dataset.of).length);
  }

  setLeast(value) {
    this.least = value;
    this.view.range.value = value;
    if (this.isReview) this.#sayHidden();
    else this.show();
    this.reviewing?.tools();
  }

  #sayHidden() {
    const { view, least } = this;
    view.sliderValue.textContent = view.sliderChipValue.textContent = `≥ ${sure(least)}`;
    const kept = this.items.filter((item) => sureness(item) >= least).length;
    const below = this.items.length - kept;
    view.range.setAttribute('aria-valuetext', t('valueShown', { value: sure(least), n: kept, all: this.items.length }));
    [...view.histogram.children].forEach((bar, n) => bar.classList.toggle('below', (n + 1) / 20 <= least + 1e-9));
    view.range.style.setProperty('--at', `${least * 100}%`);
    view.hidden.replaceChildren(...(this.isReview || !below ? [] : [t('shownOf', { n: kept, all: this.items.length }), ' ', button(t('lessSure', { n: below }), () => this.setLeast(0), { class: 'linklike' })]));
  }

  /** Say in the margin where a new page, sheet or part begins, as far as the entities tell. */
  #places() {
    let last = null;
    for (const { start, model } of this.items) {
      const { row, ...where } = model?.location ?? {};
      const words = place(where);
      if (!words || words === last) continue;
      const paragraph = this.pane.nodes[this.pane.paragraphAt(start)].parentNode;
      if (last !== null) paragraph.classList.add('begins');
      paragraph.dataset.place ??= words;
      last = words;
    }
    this.view.text.classList.toggle('placed', last !== null);
  }

  // After what is under way, and once for several reasons: it measures paragraphs, and nobody waits for it.
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
    let paragraph = -1;
    let top = 0;
    let share = 0;
    for (const item of this.visible ?? []) {
      const k = this.pane.paragraphAt(item.start);
      const node = this.pane.nodes[k];
      if (k !== paragraph) [paragraph, top, share] = [k, node.parentNode.offsetTop, node.parentNode.offsetHeight / Math.max(1, node.length)];
      context.fillStyle = inks[this.categories.colour(item.category)];
      context.fillRect(1, Math.round((text.offsetTop + top + share * (item.start - this.pane.starts[k])) * scale), 8, 2);
    }
  }
}

const occurrencesOf = (text, pattern) => [...text.matchAll(pattern)].map((match) => ({ start: match.index, end: match.index + match[0].length }));
