// Review of one document: decisions by key or press, saved at once, undone over documents, and on to the next one.
import { getJson } from './api.js';
import { acts, button, fileOf, fill, h, icon, messageView, reopen, template } from './dom.js';
import { UNSURE } from './highlights.js';
import { keysOf, setMode } from './keys.js';
import { ask, hideToast, notice, say, toast } from './messages.js';
import { Offsets, occurrences, step, trim } from './offsets.js';
import { preferences, remember } from './preferences.js';
import { History, acceptAbove, add, alter, apply, decide, fromDecisions, merge, same, settle, toDecisions, undecided } from './review.js';
import { Saver } from './saving.js';
import { sureness } from './document.js';
import { categoryName } from './rows.js';
import { sure, t } from './words.js';

const SURE_ENOUGH = 0.9;
const COMMANDS = [...'JKAXCMNDTSFZHR'];
const CORRECTIONS = ['rejected', 'changed', 'added'];
const history = new History();
// A step of another document that is taken once that is open.
let waiting = null;

async function loadQueue(app) {
  const page = await getJson('review');
  app.categories(...page.value.flatMap(({ categories }) => categories?.map(({ category }) => category) ?? []));
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
  main.replaceChildren(messageView(t('reviewDone'), decided ? t('reviewDoneText', { n: decided, m: corrected }) : t('reviewNone'), { filled: true }));
  return {};
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
    const { view } = doc;
    doc.least = SURE_ENOUGH;
    view.sliderName.textContent = t('sureEnough');
    view.pick.prepend(view.cardCategory);
    for (const element of view.root.querySelectorAll('.deciding')) element.hidden = false;
    this.suggestions = view.suggestions.querySelector('input');
    this.suggestions.onchange = () => this.#suggest(this.suggestions.checked);
    view.scroll.addEventListener('pointerup', (event) => setTimeout(() => this.#selected(event)));
    view.scroll.addEventListener('keyup', (event) => event.shiftKey && this.#selected(event));
    const edge = (direction, start) => () => this.move(direction, start);
    acts(view.root, {
      accept: () => this.decide('accepted'), reject: () => this.decide('rejected'), span: () => this.span(), pick: () => this.pick(), same: () => { this.last = { id: doc.current }; this.everywhere(); },
      toggle: ({ value, dataset }) => { doc.choose(dataset.id, { quiet: true }); this.decide(value, doc.item(dataset.id), false); },
      startBack: edge(-1, true), startOn: edge(1, true), endBack: () => this.move(-1, this.mode === 'add'), endOn: () => this.move(1, this.mode === 'add'), keep: () => this.keep(), leave: () => this.leave(),
      only: ({ value }) => this.#filter(value), acceptAbove: () => this.acceptAbove(), changeKeys: () => this.#changeKeys(),
      undo: () => this.undo(), skip: () => this.putAside('skipped'), flag: () => this.putAside('flagged'), acceptRest: () => this.acceptRest(),
    });
    this.#keys();
    doc.reviewing = this;
    doc.show();
    this.tools();
    const first = doc.wanted ?? doc.items.find((item) => !item.decision) ?? doc.items[0];
    if (first) doc.choose(first.id);
    this.#saving('saved');
    document.title = `${t('review')}: ${document.title}`;
    if (waiting?.[0].document === doc.row.id) {
      const [found, said] = waiting;
      waiting = null;
      setTimeout(() => this.#again(found, said));
    }
  }

  close() {
    setMode(null);
    this.saver.stop();
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
    doc.card();
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
    const answer = await ask(t(kind === 'flagged' ? 'flagTitle' : 'skipTitle'), template('put-aside').root,
      [{ words: t('cancel'), value: null }, { words: t(kind === 'flagged' ? 'flagNext' : 'skipNext'), key: '↵', filled: true, value: (fields) => [fields.get('reason'), fields.get('note').trim()].filter(Boolean).join(': ') }]);
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
    app.go(`#/review/${next?.id ?? ''}`);
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
    const { view, items } = this.doc;
    const { total, rows } = this.app.queue;
    const n = Math.max(1, rows.findIndex(({ id }) => id === this.doc.row.id) + 1);
    const all = items.length;
    const made = all - this.open.length;
    const words = { saving: t('saving'), saved: t('saved'), waiting: t('notSaved', { n: details?.seconds ?? 0 }) }[state] ?? t('notSavedShort');
    view.documentOf.textContent = t('documentOf', { n, all: Math.max(total, n) });
    view.decidedOf.textContent = view.decided.ariaLabel = t('decidedOf', { n: made, all });
    Object.assign(view.decided, { max: all || 1, value: made });
    view.save.className = `save ${state}`;
    fill(view.save, icon({ saved: 'check', saving: 'running' }[state] ?? 'failed'), words);
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
    const shown = (item) => {
      const decision = !item ? 'removed' : (item.decision ?? 'open');
      if (['changed', 'added'].includes(decision)) return categoryName(doc.categories, item.category);
      const [kind, name] = { accepted: ['ok', 'done'], rejected: ['bad', 'failed'] }[decision] ?? [];
      return h('span', { class: kind }, name && icon(name), t(`decision.${decision}`));
    };
    let whose = 'mine';
    if (conflicts.length) {
      const { root, rows } = template('differ');
      fill(rows, conflicts.slice(0, 50).map(({ mine, theirs: other }) => h('tr', h('th', { scope: 'row' }, h('bdi', doc.wordsOf(mine ?? other))), h('td', shown(other)), h('td', shown(mine)))));
      whose = await ask(t('someoneTitle'), [h('p', t('someoneText', { n: merged.theirs }), ' ', t('differing', { n: conflicts.length })), root],
        [{ words: t('takeTheirs'), value: 'theirs' }, { words: t('takeMine'), value: 'mine' }, { words: t('goThrough'), value: 'open', filled: true, safe: true }], 'wide') ?? 'open';
    }
    this.base = theirs;
    if (!conflicts.length) toast(t('someoneMerged', { n: merged.theirs }), { icon: 'warning' });
    if (this.status === 'open' || whose === 'theirs') [this.status, this.reason] = [present.status, present.reason];
    if (whose === 'open' && conflicts.length) [this.status, this.reason] = ['open', null];
    doc.items = settle(merged.items, conflicts, whose);
    doc.show();
    this.#save();
    this.tools();
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
    doc.card();
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
    this.doc.card();
  }

  // The keys of the mode: answers whether it used one.
  #inMode({ key, shiftKey, target }) {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (key === 'Escape') this.leave();
    else if (key === 'Enter' && !target.closest('button')) this.mode === 'span' && this.keep();
    else if (key.toLowerCase() === 'm') {
      this.byWords = !this.byWords;
      this.doc.card();
    } else if (direction) this.move(direction, shiftKey);
    else return false;
    return true;
  }

  /** Move an edge of the pending span; while adding without Shift, the span itself goes to the next word. */
  move(direction, shift) {
    const { text } = this.doc;
    const to = (at, where = direction) => step(text, at, where, this.byWords);
    let { start, end } = this.pending;
    if (shift && this.mode === 'span') start = Math.min(end - 1, to(start));
    else if (shift || this.mode === 'span') end = Math.max(start + 1, to(end));
    else if (direction > 0) [start, end] = [to(to(end), -1), to(end)];
    else [start, end] = [to(start), to(to(start), 1)];
    this.#pend((this.byWords && trim(text, start, end)) || { start, end }, this.mode);
    this.doc.pane.show(start, end, 72);
    say('decisions', text.slice(start, end));
  }

  async pick() {
    const { doc, item } = this;
    const span = this.pending ?? item;
    if (!span) return;
    const others = item && !this.pending ? this.places(item).length : 0;
    const { root, ...view } = template('picker');
    const { names } = doc.categories;
    fill(view.categories, names.map((name) => h('label.choice', h('input', { type: 'radio', name: 'category', value: name, checked: name === (span.category ?? names[0]) }), doc.chip(name), categoryName(doc.categories, name),
      name === item?.model?.category && !this.pending && h('span.hint', t('modelsAnswer', { value: sure(item.model.confidence) })))));
    view.others.hidden = !others;
    view.othersWords.textContent = t('alsoOthers', { n: others });
    // Typing leaves the categories that have it in their names, or as their key; the first of them is chosen.
    view.field.oninput = () => {
      const typed = view.field.value.trim().toLowerCase();
      for (const label of view.categories.children) {
        const name = label.firstChild.value;
        label.hidden = !name.toLowerCase().includes(typed) && doc.categories.key(name).toLowerCase() !== typed;
      }
      const [first] = view.categories.querySelectorAll('label:not([hidden]) input');
      if (first) first.checked = true;
    };
    view.field.onkeydown = (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      view.categories.querySelector(':checked')?.focus();
    };
    const picked = await ask(t('categoryOf', { text: doc.wordsOf(span) }), root,
      [{ words: t('cancel'), value: null }, { words: t('choose'), key: '↵', filled: true, value: (fields) => [fields.get('category'), fields.has('also')] }], 'picker');
    if (!picked?.[0]) return;
    this.category(picked[0]);
    if (picked[1]) this.everywhere();
  }

  async #changeKeys() {
    const { categories } = this.doc;
    const wrong = h('p.bad', { role: 'alert' });
    const read = (fields) => {
      const owners = new Map();
      for (const [name, value] of fields) {
        const key = value.toUpperCase();
        const taken = COMMANDS.includes(key) ? t('aCommand') : owners.get(key);
        if (key && taken) {
          wrong.textContent = t('keyTaken', { key, by: taken });
          return undefined;
        }
        if (key) owners.set(key, name);
      }
      return Object.fromEntries([...owners].map(([key, name]) => [name, key]));
    };
    const keys = await ask(t('changeKeys'), [h('div.keys', categories.names.map((name) => h('label.choice', h('input.key', { name, maxlength: 1, value: categories.key(name), 'aria-label': t('keyOf', { name }) }), categoryName(categories, name)))), wrong],
      [{ words: t('resetKeys'), value: {} }, { words: t('keep'), filled: true, value: read }]);
    if (!keys) return;
    remember({ keys: Object.keys(keys).length ? { ...preferences.keys, ...keys } : {} });
    reopen();
  }

  // --- What is shown ---

  isListed(item) {
    return !this.only || (this.only === 'open' ? !item.decision : CORRECTIONS.includes(item.decision));
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
    this.tools();
  }

  /** The filters above the list, how many the slider would accept, and what Enter does. */
  tools() {
    const { items, least, view } = this.doc;
    const n = this.open.length;
    const counts = { '': t('allN', { n: items.length }), open: t('toDecide', { n }), changed: t('changedN', { n: items.filter(({ decision }) => CORRECTIONS.includes(decision)).length }) };
    for (const chip of view.chips.children) {
      chip.textContent = counts[chip.value];
      chip.ariaPressed = String(chip.value === (this.only ?? ''));
    }
    view.above.textContent = t('acceptAbove', { n: this.open.filter((item) => sureness(item) >= least).length });
    view.restWords.textContent = !this.suggestions.checked ? t('saveNext') : n ? t('acceptNext', { n }) : t('nextOnly');
  }

  /** What a row of the list has beside the entity itself. */
  drawRow(item, value) {
    const { doc } = this;
    const was = item.decision === 'changed' && item.category !== item.model.category ? t('was', { category: item.model.category }) : item.decision === 'added' ? t('decision.added') : '';
    const toggle = (decision, name, words) => button(null, null, { icon: name, value: decision, class: `square toggle ${decision}`, 'data-do': 'toggle', 'data-id': item.id, tabindex: item.id === doc.current ? 0 : -1, 'aria-pressed': isPressed(item, decision), 'aria-label': t(words, { text: doc.wordsOf(item) }) });
    return [h('span.hint.kind', [item.category, was, item.model ? sure(value) : ''].filter(Boolean).join(' '), value < UNSURE && !item.decision && h('span.warn', ` ${t('unsure')}`)),
      h('span.toggles', toggle('accepted', 'check', 'acceptName'), toggle('rejected', 'close', 'rejectName'))];
  }

  /** What the card of the current entity has beside the entity itself: what can be decided, or how a span is moved. */
  card(item) {
    const { pending, mode, doc: { view } } = this;
    const isAdding = mode === 'add';
    view.cardTitle.textContent = t(!pending ? 'current' : isAdding ? 'newEntity' : 'movingSpan');
    view.cardValue.hidden = view.deciding.hidden = Boolean(pending);
    view.moving.hidden = !pending;
    if (pending) {
      view.cardAt.textContent = '';
      view.cardPlace.textContent = t(this.byWords ? 'byWords' : 'byCharacters');
      view.moveStart.hidden = view.keep.hidden = isAdding;
      view.pickNew.hidden = !isAdding;
      view.moveHow.textContent = t(isAdding ? 'addHow' : 'spanHow');
      return;
    }
    view.accept.ariaPressed = isPressed(item, 'accepted');
    view.reject.ariaPressed = isPressed(item, 'rejected');
    const others = this.places(item).length;
    view.same.hidden = !others;
    view.sameText.textContent = t('sameText', { n: others });
  }

  #keys() {
    const { doc } = this;
    keysOf({
      ...doc.keys(), R: null, A: () => this.decide('accepted'), X: () => this.decide('rejected'), C: () => this.pick(), M: () => this.span(), N: () => this.add(), D: () => this.everywhere(), T: () => this.acceptAbove(), Enter: () => this.acceptRest(),
      S: () => this.putAside('skipped'), F: () => this.putAside('flagged'), Z: () => this.undo(), 'Shift Z': () => this.redo(), H: () => this.#suggest(!this.suggestions.checked),
      any: (key) => { const name = doc.categories.byKey(key); if (name) this.category(name); return Boolean(name); },
    });
  }
}

const isPressed = ({ decision }, which) => String(decision === which || (which === 'accepted' && ['changed', 'added'].includes(decision)));
