// Review of one document: decisions by key or press, saved at once, undone over documents, and on to the next one.
import { getJson } from './api.js';
import { button, fileOf, h, icon } from './dom.js';
import { UNSURE } from './highlights.js';
import { keysOf, setMode } from './keys.js';
import { ask, hideToast, notice, say, toast } from './messages.js';
import { Offsets, occurrences, step } from './offsets.js';
import { preferences, remember } from './preferences.js';
import { History, acceptAbove, add, alter, apply, decide, fromDecisions, merge, same, settle, toDecisions, undecided } from './review.js';
import { Saver } from './saving.js';
import { sureness } from './document.js';
import { sureBar } from './textpane.js';
import { place, sure, t } from './words.js';

const SURE_ENOUGH = 0.9;
const COMMANDS = [...'JKAXCMNDTSFZHR'];
const history = new History();

async function loadQueue(app) {
  const page = await getJson('review');
  app.queue = { rows: page.value, cursor: page.nextCursor, total: Math.max(app.status?.counts.review ?? 0, page.value.length), decided: app.queue?.decided ?? 0, corrected: app.queue?.corrected ?? 0 };
}

/** Go to the first document that needs review, or say that there is none. */
export async function openQueue(app, main) {
  await loadQueue(app);
  const [first] = app.queue.rows;
  if (first) {
    location.replace(`#/review/${first.id}`);
    return {};
  }
  document.title = `${t('review')} · Entity Drop`;
  const { decided, corrected } = app.queue;
  main.replaceChildren(h('div', { class: 'view' }, h('div', { class: 'card empty' }, h('h1', {}, t('reviewDone')), h('p', {}, decided ? t('reviewDoneText', { n: decided, m: corrected }) : t('reviewNone')), h('a', { class: 'button filled', href: '#/' }, t('toDocuments')))));
  return { close() {} };
}

/** Add review to a document view. */
export async function start(view) {
  const { app } = view;
  if (!app.queue) await loadQueue(app);
  view.reviewing = new Reviewing(view);
}

class Reviewing {
  constructor(doc) {
    Object.assign(this, { doc, app: doc.app, pending: null, only: null, mode: null, last: null, base: doc.items });
    const { value, etag } = doc.corrections ?? { value: { decisions: [], status: 'open', reason: null }, etag: null };
    Object.assign(this, { status: value.status, reason: value.reason });
    this.saver = new Saver(`${doc.path}/corrections`, etag, (state, details) => this.#saving(state, details));
    this.isBegun = false;
    const { view } = doc;
    doc.least = SURE_ENOUGH;
    view.range.value = SURE_ENOUGH;
    view.legendHint.hidden = false;
    view.legendHint.textContent = t('pressKey');
    view.showAll.textContent = t('changeKeys');
    view.showAll.onclick = () => this.#changeKeys();
    view.acceptAbove.hidden = view.suggestions.hidden = view.bottom.hidden = view.progress.hidden = false;
    view.acceptAbove.onclick = () => this.acceptAbove();
    this.suggestions = view.suggestions.querySelector('input');
    this.suggestions.onchange = () => this.#suggest(this.suggestions.checked);
    view.tools.querySelector('.search').remove();
    view.tools.prepend(h('span', { class: 'chips' }));
    view.scroll.addEventListener('pointerup', (event) => setTimeout(() => this.#selected(event)));
    view.scroll.addEventListener('keyup', (event) => event.shiftKey && this.#selected(event));
    this.#keys();
    this.tools();
    this.#bottom();
    const first = doc.wanted ?? doc.items.filter((item) => !item.decision).sort((a, b) => a.start - b.start)[0] ?? doc.items[0];
    doc.reviewing = this;
    doc.show();
    if (first) doc.choose(first.id);
    this.#saving('saved');
    document.title = `${t('review')}: ${document.title}`;
  }

  close() {
    setMode(null);
    this.saver.stop();
    document.getElementById('save-state')?.remove();
  }

  get item() {
    return this.doc.item(this.doc.current);
  }

  get open() {
    return this.doc.items.filter((item) => !item.decision);
  }

  record = () => ({ id: crypto.randomUUID(), at: new Date().toISOString(), by: this.app.session.user?.name ?? 'key' });

  // --- Deciding ---

  /** Take a step: change items, say what happened, offer to undo it, save. */
  take(changes, words, { status, next } = {}) {
    if (!changes.length && !status) return;
    const was = [this.status, this.reason];
    history.push({ document: this.doc.row.id, changes, status: status && [was, status], words });
    this.#apply(changes, status);
    this.last = changes.at(-1) ?? this.last;
    if (words) toast(words, { action: { words: t('undo'), key: 'Z', run: () => this.undo() } });
    if (next) this.#on();
    const item = this.item;
    say('decisions', [words, next && item ? t('nextIs', { text: this.doc.nameOf(item) }) : ''].filter(Boolean).join(' '));
  }

  #apply(changes, status) {
    const { doc } = this;
    if (status) [this.status, this.reason] = status;
    else if (this.status !== 'open') [this.status, this.reason] = ['open', null];
    doc.update(apply(doc.items, changes), changes);
    if (doc.current && !this.item) doc.choose(null);
    this.tools();
    this.#bottom();
    this.card(this.item);
    this.#save();
  }

  decide(decision, item = this.item, next = true) {
    if (!item) return;
    const changes = decide(item, decision, this.record());
    const after = changes[0]?.after;
    const text = this.doc.wordsOf(item);
    const words = !changes.length ? '' : after?.decision === decision ? t(`said.${decision}`, { text }) : t(after ? 'said.open' : 'said.removed', { text });
    if (!changes.length && next) this.#on();
    this.take(changes, words, { next: next && item.id === this.doc.current && (!after || after.decision === decision) });
  }

  // To the next undecided one after the current one, else the first undecided.
  #on() {
    const { doc } = this;
    const at = this.item ? this.item.start : 0;
    const open = doc.listed.filter((item) => !doc.item(item.id)?.decision && item.id !== doc.current);
    const next = open.find((item) => item.start >= at) ?? open[0];
    if (next) doc.choose(next.id);
  }

  category(name) {
    const { doc } = this;
    if (this.pending) {
      const { start, end } = this.pending;
      const changes = start < end ? add(doc.items, { start, end }, name, this.record()) : [];
      const text = doc.text.slice(start, end);
      this.leave();
      getSelection().removeAllRanges();
      this.take(changes, t('said.added', { text, category: name }));
      if (changes[0]?.after) doc.choose(changes[0].id, { quiet: true });
      return;
    }
    const { item } = this;
    if (!item) return;
    const words = item.category === name ? t('said.accepted', { text: doc.wordsOf(item) }) : t('said.category', { text: doc.wordsOf(item), category: name, was: item.category });
    this.take(item.category === name && !item.decision ? decide(item, 'accepted', this.record()) : alter(item, { category: name }, this.record()), words);
  }

  places(item) {
    return occurrences(this.doc.text, this.doc.text.slice(item.start, item.end)).filter(({ start }) => start !== item.start);
  }

  everywhere() {
    const item = this.doc.item(this.last?.id) ?? this.item;
    if (!item) return;
    const decided = item.decision ? item : { ...item, decision: 'accepted' };
    const changes = same(this.doc.items, decided, this.places(item), this.record);
    this.take(changes, changes.length ? t('said.same', { n: changes.length }) : '');
  }

  acceptAbove() {
    const changes = acceptAbove(this.doc.items, this.doc.least, this.record);
    this.take(changes, t('said.above', { n: changes.length, value: sure(this.doc.least) }));
  }

  /** Accept the rest as the button says, save, and go to the next document. */
  acceptRest() {
    const rest = this.suggestions.checked ? acceptAbove(this.doc.items, 0, this.record) : [];
    this.take(rest, t('said.reviewed', { name: fileOf(this.doc.row.name) }), { status: ['reviewed', null] });
    this.#finish();
  }

  async putAside(kind) {
    const reasons = ['garbled', 'missing', 'unsure', 'other'];
    const note = h('textarea', { maxlength: 500, rows: 2, placeholder: t('note'), 'aria-label': t('note') });
    const choices = reasons.map((reason, n) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'reason', value: reason, checked: n === 0 }), h('span', {}, t(`reason.${reason}`))));
    const answer = await ask(t(kind === 'flagged' ? 'flagTitle' : 'skipTitle'), [h('div', { role: 'radiogroup', 'aria-label': t('reason') }, choices), note],
      [{ words: t('cancel'), value: null }, { words: t(kind === 'flagged' ? 'flagNext' : 'skipNext'), key: '↵', filled: true, value: () => [reasons.find((_, n) => choices[n].querySelector('input').checked), note.value.trim()].filter(Boolean).join(': ') }]);
    if (!answer) return;
    this.take([], t(`said.${kind}`), { status: [kind, answer] });
    this.#finish();
  }

  // The document is left only once it is saved, or the next one would open over an unsaved one.
  #finish() {
    const { queue } = this.app;
    queue.decided += 1;
    queue.corrected += this.doc.items.filter(({ decision }) => decision && decision !== 'accepted').length;
    this.after = () => this.#nextDocument();
    if (this.saver.isSaved) this.after();
  }

  async #nextDocument() {
    this.after = null;
    const { app, doc } = this;
    const { queue } = app;
    const at = queue.rows.findIndex(({ id }) => id === doc.row.id);
    queue.rows[at] &&= { ...queue.rows[at], left: true };
    const next = queue.rows.slice(at + 1).find(({ left }) => !left) ?? queue.rows.find(({ left }) => !left);
    if (next) return app.go(`#/review/${next.id}`);
    return app.go('#/review');
  }

  undo() {
    hideToast();
    this.#again(history.undo(), 'undone');
  }

  redo() {
    this.#again(history.redo(), 'redone');
  }

  #again(found, said) {
    if (!found) return toast(t(`nothing.${said}`));
    if (found.document !== this.doc.row.id) {
      // The step belongs to another document: go there first, then take it.
      waiting = [found, said];
      return this.app.go(`#/review/${found.document}`);
    }
    this.after = null;
    this.#apply(found.changes, found.status?.[1]);
    const row = this.app.queue.rows.find(({ id }) => id === found.document);
    if (row) row.left = false;
    const changed = found.changes.at(-1);
    if (this.doc.item(changed?.id)) this.doc.choose(changed.id);
    toast(t(`said.${said}`), { icon: 'replay' });
    return say('decisions', t(`said.${said}`));
  }

  // --- Saving ---

  #save() {
    const { doc } = this;
    if (this.isReplaced) return;
    const { row, result } = doc;
    const unit = doc.corrections?.value.stringIndexType ?? 'UnicodeCodePoint';
    this.saver.save({ version: 1, document: { name: row.name, etag: row.etag }, text: { sha256: row.text.sha256 }, stringIndexType: unit, model: result.model,
      decisions: toDecisions(doc.items, new Offsets(doc.text, unit)), status: this.status, reason: this.reason });
    this.sent = doc.items;
  }

  #saving(state, details) {
    const shown = this.doc.view.progress;
    const { total, rows } = this.app.queue;
    const n = Math.max(1, rows.findIndex(({ id }) => id === this.doc.row.id) + 1);
    const all = this.doc.items.length;
    const made = all - this.open.length;
    const words = { saving: t('saving'), saved: t('saved'), waiting: t('notSaved', { n: details?.seconds ?? 0 }) }[state] ?? t('notSavedShort');
    shown.replaceChildren(h('div', {}, h('b', {}, t('documentOf', { n, all: Math.max(total, n) })), h('span', {}, h('progress', { max: all || 1, value: made, 'aria-label': t('decidedOf', { n: made, all }) }), ' ', t('decidedOf', { n: made, all }))),
      h('span', { class: `save ${state}` }, icon(state === 'saved' ? 'check' : state === 'saving' ? 'running' : 'failed'), words));
    if (state === 'saved') {
      this.base = this.sent ?? this.base;
      this.after?.();
    }
    if (state === 'waiting') {
      toast(words, { icon: 'failed', stays: true, action: { words: t('tryNow'), run: () => this.saver.tryNow() } });
      say('alarms', words);
    } else if (this.was === 'waiting' && state === 'saved') hideToast();
    this.was = state;
    if (state === 'differs') this.#differs(details);
    if (state === 'replaced') {
      this.isReplaced = true;
      this.doc.newer();
      say('alarms', t('newer'));
    }
    if (state === 'refused') {
      notice('refused', 'bad', t('notSavedShort'), details.problem.detail ?? details.message);
      say('alarms', t('notSavedShort'));
    }
  }

  /** Somebody else saved first: put both together and ask where both decided and differ. */
  async #differs({ present, etag }) {
    const { doc } = this;
    this.after = null;
    const models = undecided(doc.items.filter(({ model }) => model).map(({ model }) => model));
    const ids = new Map(doc.items.filter(({ model }) => model).map((item, n) => [`m${n}`, item.id]));
    const rename = (item) => (item.model ? { ...item, id: ids.get(item.id) } : item);
    const theirs = fromDecisions(models, present.decisions, new Offsets(doc.text, present.stringIndexType)).map(rename);
    const merged = merge(this.base, doc.items, theirs);
    this.saver.continueFrom(etag);
    doc.corrections = { value: present, etag };
    const { conflicts } = merged;
    const show = (item) => (!item ? t('decision.removed') : !item.decision ? t('decision.open') : item.decision === 'rejected' || item.decision === 'accepted' ? h('span', { class: item.decision === 'accepted' ? 'ok' : 'bad' }, icon(item.decision === 'accepted' ? 'done' : 'failed'), t(`decision.${item.decision}`)) : h('span', { class: `cat c${doc.categories.colour(item.category)}` }, item.category));
    const whose = conflicts.length ? await ask(t('someoneTitle'), [h('p', {}, t('someoneText', { n: merged.theirs }), ' ', t('differing', { n: conflicts.length })),
      h('table', { class: 'differ' }, h('thead', {}, h('tr', {}, h('th', {}, t('entity')), h('th', {}, t('theirs')), h('th', {}, t('yours')))), h('tbody', {}, conflicts.slice(0, 50).map(({ mine, theirs: other }) => h('tr', {}, h('th', { scope: 'row' }, h('bdi', {}, doc.wordsOf(mine ?? other))), h('td', {}, show(other)), h('td', {}, show(mine))))))],
    [{ words: t('takeTheirs'), value: 'theirs' }, { words: t('takeMine'), value: 'mine' }, { words: t('goThrough'), value: 'open', filled: true, safe: true }], { class: 'wide' }) ?? 'open' : 'mine';
    this.base = theirs;
    if (!conflicts.length) toast(t('someoneMerged', { n: merged.theirs }), { icon: 'warning' });
    if (this.status === 'open' || whose === 'theirs') [this.status, this.reason] = [present.status, present.reason];
    if (whose === 'open' && conflicts.length) [this.status, this.reason] = ['open', null];
    doc.items = settle(merged.items, conflicts, whose);
    doc.show();
    this.#save();
    this.tools();
    this.#bottom();
    if (whose === 'open' && conflicts.length) {
      this.#filter('open');
      doc.choose(conflicts[0].id);
    }
    say('alarms', t('someoneTitle'));
  }

  // --- Span, adding, choosing ---

  #selected(event) {
    const span = this.doc.pane.selection(event.altKey);
    if (span) this.#pend(span, 'add');
    else if (this.mode === 'add' && event.type === 'pointerup') this.leave();
  }

  #pend(span, mode) {
    const { doc } = this;
    this.mode = mode;
    this.pending = span;
    this.byWords ??= true;
    doc.marks.mark('pending', { ...span, status: 'chosen' });
    doc.frame();
    this.card(this.item);
    setMode((event) => this.#inMode(event));
  }

  span() {
    const { item } = this;
    if (this.mode === 'span') this.byWords = !this.byWords;
    else if (item) {
      this.byWords = true;
      this.#pend({ start: item.start, end: item.end }, 'span');
      say('decisions', t('spanHow'));
    }
  }

  add() {
    const { text } = this.doc;
    const from = this.item?.end ?? 0;
    const end = step(text, from, 1, true);
    this.byWords = true;
    this.#pend({ start: step(text, end, -1, true), end }, 'add');
    say('decisions', t('addHow'));
  }

  /** Keep the span that was being moved. */
  keep() {
    const { item, pending } = this;
    this.leave();
    if (item && pending.start < pending.end) this.take(alter(item, pending, this.record()), t('said.span', { text: this.doc.text.slice(pending.start, pending.end) }));
  }

  leave() {
    this.mode = this.pending = null;
    setMode(null);
    this.doc.marks.mark('pending', null);
    this.doc.frame();
    this.card(this.item);
  }

  #inMode({ key, shiftKey, target }) {
    if (key === 'Escape') {
      this.leave();
      return true;
    }
    if (key === 'Enter' && this.mode === 'span' && !target.closest('button')) {
      this.keep();
      return true;
    }
    if (key === 'Enter' && !target.closest('button')) return true;
    if (key.toLowerCase() === 'm' && this.mode) {
      this.byWords = !this.byWords;
      this.card(this.item);
      return true;
    }
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return false;
    this.move(key === 'ArrowLeft' ? -1 : 1, shiftKey);
    return true;
  }

  /** Move an edge of the pending span; while adding without Shift, the span itself goes to the next word. */
  move(direction, shift) {
    const { text } = this.doc;
    let { start, end } = this.pending;
    if (this.mode === 'span') {
      if (shift) start = Math.min(end - 1, step(text, start, direction, this.byWords));
      else end = Math.max(start + 1, step(text, end, direction, this.byWords));
    } else if (shift) end = Math.max(start + 1, step(text, end, direction, this.byWords));
    else if (direction > 0) {
      end = step(text, end, 1, this.byWords);
      start = step(text, end, -1, this.byWords);
    } else {
      start = step(text, start, -1, this.byWords);
      end = step(text, start, 1, this.byWords);
    }
    this.#pend({ start, end }, this.mode);
    this.doc.pane.show(start, end, 72);
    say('decisions', text.slice(start, end));
  }

  async pick() {
    const { doc, item } = this;
    const span = this.pending ?? item;
    if (!span) return;
    const others = item && !this.pending ? this.places(item).length : 0;
    const field = h('input', { type: 'search', 'aria-label': t('typeOrKey'), placeholder: t('typeOrKey'), role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'picker' });
    const also = h('input', { type: 'checkbox' });
    const box = h('ul', { role: 'listbox', id: 'picker', 'aria-label': t('categories') });
    let at = 0;
    let names = [];
    let choose = () => {};
    const draw = () => {
      const typed = field.value.trim().toLowerCase();
      names = doc.categories.names.filter((name) => name.toLowerCase().includes(typed) || doc.categories.key(name).toLowerCase() === typed);
      at = Math.min(at, Math.max(0, names.length - 1));
      box.replaceChildren(...names.map((name, n) => h('li', { role: 'option', id: `pick-${n}`, 'aria-selected': String(n === at), onclick: () => choose(name) }, doc.chip(name), h('span', { class: `cat c${doc.categories.colour(name)}` }, name), h('span', { class: 'hint' }, name === item?.model?.category && !this.pending ? t('modelsAnswer', { value: sure(item.model.confidence) }) : ''))));
      field.setAttribute('aria-activedescendant', names.length ? `pick-${at}` : '');
    };
    at = Math.max(0, doc.categories.names.indexOf(span.category));
    field.oninput = () => { at = 0; draw(); };
    field.onkeydown = (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!move) return;
      event.preventDefault();
      at = (at + move + names.length) % Math.max(1, names.length);
      draw();
    };
    draw();
    const name = await ask(t('categoryOf', { text: doc.wordsOf(span) }), [h('label', { class: 'search' }, icon('search'), field), box, others ? h('label', { class: 'choice' }, also, h('span', {}, t('alsoOthers', { n: others }))) : ''],
      [{ words: t('cancel'), value: null }, { words: t('choose'), key: '↵', filled: true, value: () => names[at] }], { class: 'picker', closeOnFirst: (close) => { choose = close; } });
    if (!name) return;
    this.category(name);
    if (also.checked) this.everywhere();
  }

  async #changeKeys() {
    const { categories } = this.doc;
    const wrong = h('p', { class: 'bad', role: 'alert' });
    const fields = categories.names.map((name) => [name, h('input', { class: 'key', maxlength: 1, value: categories.key(name), 'aria-label': t('keyOf', { name }) })]);
    const read = () => {
      const seen = new Map();
      for (const [name, { value }] of fields) {
        const key = value.toUpperCase();
        const taken = COMMANDS.includes(key) ? t('aCommand') : seen.get(key);
        if (key && taken) {
          wrong.textContent = t('keyTaken', { key, by: taken });
          return undefined;
        }
        if (key) seen.set(key, name);
      }
      return Object.fromEntries([...seen].map(([key, name]) => [name, key]));
    };
    const keys = await ask(t('changeKeys'), [h('div', { class: 'keys' }, fields.map(([name, field]) => h('label', { class: 'choice' }, field, h('span', { class: `cat c${categories.colour(name)}` }, name)))), wrong],
      [{ words: t('resetKeys'), value: {} }, { words: t('keep'), filled: true, value: read }]);
    if (!keys) return;
    remember({ keys: { ...preferences.keys, ...keys } });
    if (!Object.keys(keys).length) remember({ keys: {} });
    dispatchEvent(new HashChangeEvent('hashchange'));
  }

  // --- What is shown ---

  isListed(item) {
    return !this.only || (this.only === 'open' ? !item.decision : ['rejected', 'changed', 'added'].includes(item.decision));
  }

  #filter(only) {
    this.only = only;
    this.doc.show();
    this.tools();
  }

  #suggest(on) {
    this.suggestions.checked = on;
    this.doc.isPlain = !on;
    this.doc.show();
    this.#bottom();
  }

  /** The filters above the list, and how many the slider would accept. */
  tools() {
    const { doc } = this;
    const chips = doc.view.tools.querySelector('.chips');
    const changed = doc.items.filter(({ decision }) => ['rejected', 'changed', 'added'].includes(decision)).length;
    chips.replaceChildren(...[[null, 'allN', doc.items.length], ['open', 'toDecide', this.open.length], ['changed', 'changedN', changed]].map(([only, words, n]) => button(t(words, { n }), () => this.#filter(only), { class: 'small', 'aria-pressed': String(this.only === only) })));
    const above = this.open.filter((item) => sureness(item) >= doc.least).length;
    doc.view.acceptAbove.replaceChildren(h('span', {}, t('acceptAbove', { n: above })), h('kbd', {}, 'T'));
  }

  drawRow(item) {
    const { doc } = this;
    const value = sureness(item);
    const was = item.decision === 'changed' && item.category !== item.model.category ? t('was', { category: item.model.category }) : item.decision === 'added' ? t('decision.added') : '';
    const toggle = (decision, name) => button(null, () => { doc.choose(item.id, { quiet: true }); this.decide(decision, doc.item(item.id), false); }, { icon: name, class: `square toggle ${decision}`, 'data-act': decision, tabindex: item.id === doc.current ? 0 : -1,
      'aria-pressed': String(item.decision === decision || (decision === 'accepted' && ['changed', 'added'].includes(item.decision))), 'aria-label': t(decision === 'accepted' ? 'acceptName' : 'rejectName', { text: doc.wordsOf(item) }) });
    return [doc.chip(item.category), h('bdi', { class: `what${item.decision === 'rejected' ? ' gone' : ''}` }, doc.wordsOf(item)),
      h('span', { class: 'hint kind' }, [item.category, was, item.model ? sure(value) : ''].filter(Boolean).join(' '), value < UNSURE && !item.decision ? h('span', { class: 'warn' }, ` ${t('unsure')}`) : ''), h('span', { class: 'toggles' }, toggle('accepted', 'check'), toggle('rejected', 'close'))];
  }

  card(item) {
    const { doc, pending, mode } = this;
    const box = doc.view.current;
    box.hidden = !item && !pending;
    if (pending) {
      const press = (name, direction, shift, words) => button(null, () => this.move(direction, shift), { icon: name, class: 'square', 'aria-label': words, title: words });
      box.replaceChildren(h('p', { class: 'hint' }, t(mode === 'add' ? 'newEntity' : 'movingSpan'), h('span', { class: 'grow' }), t(this.byWords ? 'byWords' : 'byCharacters')), h('p', { class: 'what' }, h('bdi', {}, doc.text.slice(pending.start, pending.end))),
        h('p', { class: 'buttons' }, mode === 'span' && [press('left', -1, true, t('startLeft')), press('right', 1, true, t('startRight'))], h('span', { class: 'grow' }), press('left', -1, mode === 'add', t('endLeft')), press('right', 1, mode === 'add', t('endRight'))),
        h('p', { class: 'buttons' }, mode === 'add' ? button(t('pickCategory'), () => this.pick(), { key: 'C' }) : button(t('keep'), () => this.keep(), { key: '↵' }), button(t('leave'), () => this.leave(), { key: 'Esc' })), h('p', { class: 'hint' }, t(mode === 'add' ? 'addHow' : 'spanHow')));
      return;
    }
    if (!item) return;
    const value = sureness(item);
    const n = doc.listed.findIndex(({ id }) => id === item.id) + 1;
    const others = this.places(item).length;
    const pressed = (decision) => String(item.decision === decision || (decision === 'accepted' && ['changed', 'added'].includes(item.decision)));
    const focused = box.contains(document.activeElement) && document.activeElement.dataset.act;
    box.replaceChildren(h('p', { class: 'hint' }, h('b', {}, t('current')), ` ${t('nOf', { n, all: doc.listed.length })}`, h('span', { class: 'grow' }), place(item.model?.location)), h('p', { class: 'what' }, h('bdi', {}, doc.wordsOf(item))),
      h('p', { class: 'value' }, button(null, () => this.pick(), { class: 'small pick', 'data-act': 'pick' }), item.model && [sureBar(value, UNSURE), value < UNSURE ? t('valueUnsure', { value: sure(value) }) : sure(value)]),
      h('p', { class: 'buttons' }, h('span', { class: 'phone moves' }, button(null, () => doc.step(-1), { icon: 'left', 'aria-label': t('keyPrevious') }), button(null, () => doc.step(1), { icon: 'right', 'aria-label': t('nextEntity') })),
        button(t('accept'), () => this.decide('accepted'), { icon: 'check', key: 'A', class: 'toggle accepted', 'aria-pressed': pressed('accepted'), 'data-act': 'accept' }), button(t('reject'), () => this.decide('rejected'), { icon: 'close', key: 'X', class: 'toggle rejected', 'aria-pressed': pressed('rejected'), 'data-act': 'reject' }),
        button(t('span'), () => this.span(), { key: 'M', 'data-act': 'span' })),
      others ? h('p', { class: 'hint' }, t('sameText', { n: others }), h('span', { class: 'grow' }), button(t('sameThere'), () => { this.last = { id: item.id }; this.everywhere(); }, { key: 'D', class: 'linklike', 'data-act': 'same' })) : '');
    box.querySelector('.pick').append(h('span', { class: 'sr' }, t('pickCategory')), doc.chip(item.category), h('span', {}, item.category), icon('down'));
    if (focused) box.querySelector(`[data-act="${focused}"]`)?.focus();
  }

  #bottom() {
    const { doc } = this;
    const n = this.open.length;
    const words = !this.suggestions.checked ? t('saveNext') : n ? t('acceptNext', { n }) : t('nextOnly');
    const hints = [['J K', 'keyNext'], ['A X', 'keyAcceptReject'], ['1…9 0 Q W', 'keyCategory'], ['M', 'keySpan'], ['N', 'keyAdd'], ['D', 'keySame'], ['Z ⇧Z', 'keyUndoRedo'], [', .', 'keyDocument']];
    doc.view.bottom.replaceChildren(h('span', { class: 'hints', 'aria-hidden': 'true' }, hints.map(([keys, hint]) => h('span', {}, keys.split(' ').map((key) => h('kbd', {}, key)), t(hint)))), h('span', { class: 'grow' }),
      button(t('undo'), () => this.undo(), { icon: 'replay', class: 'quiet', key: 'Z' }), button(t('skip'), () => this.putAside('skipped'), { key: 'S', class: 'quiet' }), button(t('flag'), () => this.putAside('flagged'), { key: 'F', class: 'quiet' }),
      button(words, () => this.acceptRest(), { key: '↵', class: 'filled large', id: 'accept-next' }));
  }

  #keys() {
    const { doc } = this;
    const own = { J: () => doc.step(1), K: () => doc.step(-1), ArrowDown: () => doc.step(1), ArrowUp: () => doc.step(-1), A: () => this.decide('accepted'), X: () => this.decide('rejected'), C: () => this.pick(), M: () => this.span(), N: () => this.add(),
      D: () => this.everywhere(), T: () => this.acceptAbove(), Enter: () => this.acceptRest(), S: () => this.putAside('skipped'), F: () => this.putAside('flagged'), Z: () => this.undo(), 'Shift Z': () => this.redo(), H: () => this.#suggest(!this.suggestions.checked),
      ',': () => doc.neighbour(-1), '.': () => doc.neighbour(1), Escape: () => doc.leave(),
      any: (key) => { const name = doc.categories.byKey(key); if (name) this.category(name); return Boolean(name); } };
    keysOf(own);
    if (waiting && waiting[0].document === doc.row.id) {
      const [found, said] = waiting;
      waiting = null;
      setTimeout(() => this.#again(found, said));
    }
  }
}

let waiting = null;
