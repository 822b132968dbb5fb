// The list of documents: counts, what is going on, uploads, rows that change by themselves.
import { getJson, query } from './api.js';
import { Categories } from './categories.js';
import { acts, button, fileOf, fill, folderOf, h, icon, pathOf, refill, reopen, shortName, template } from './dom.js';
import { copy, say } from './messages.js';
import { badge, categoryName, cause, mark, replay, rowsOf, shown } from './rows.js';
import { keysOf } from './keys.js';
import { SOON_DAYS, ago, bytes, day, daysUntil, duration, list as listOf, number, secondsUntil, sure, t } from './words.js';

const STATES = ['all', 'uploading', 'waiting', 'running', 'deferred', 'done', 'failed', 'review'];
const FILTERS = ['name', 'prefix', 'reviewed', 'code', 'model'];
const isOpen = ({ state }) => ['waiting', 'running', 'deferred'].includes(state);
const sum = (values) => values.reduce((total, value) => total + value, 0);

const formatsOf = ({ session: { formats = [], limits } }) => t('formats', { formats: listOf(formats.slice(0, 8)), size: bytes(Math.min(limits.documentBytes, limits.fileBytes)) });

export async function open({ app, main, params, isCurrent }) {
  const filters = Object.fromEntries(params);
  const fetchPage = () => getJson(`documents${query({ ...filters, state: filters.state === 'uploading' ? '' : filters.state, limit: 100 })}`);
  const page = await fetchPage();
  if (!isCurrent()) return null;
  app.uploads.folder = folderOf(filters.prefix ?? '');
  const isEmpty = !page.value.length && !Object.keys(filters).length && !page.nextCursor && !app.uploads.items.length;
  app.lastList = location.hash || '#/';
  document.title = `${t('documents')} · Entity Drop`;
  return isEmpty ? new FirstVisit(app, main) : new List(app, main, filters, page, fetchPage);
}

const choosing = { files: () => document.getElementById('files').click(), folder: () => document.getElementById('folder').click() };

class FirstVisit {
  constructor(app, main) {
    const view = template('first-visit');
    const { samples = [], categories = [] } = app.session;
    main.replaceChildren(view.root);
    view.formats.textContent = `${formatsOf(app)} ${t('straight')}`;
    acts(view.root, { ...choosing, samples: async () => app.uploads.add(await Promise.all(samples.map(async ({ name, url }) => ({ path: name, file: new File([await (await fetch(url)).blob()], fileOf(name), { type: 'text/plain' }) })))) });
    view.samples.hidden = !samples.length;
    view.trySamples.textContent = t('trySamples', { n: samples.length });
    view.model.hidden = !categories.length;
    view.modelName.textContent = listOf([...(app.status?.models ?? []).slice(0, 1).map(({ model }) => model), t('nCategories', { n: categories.length })]);
    const known = new Categories(categories, []);
    view.categories.append(...categories.map((name) => categoryName(known, name)));
    view.files.focus();
    this.watcher = () => app.uploads.items.length && reopen();
    app.uploads.watchers.add(this.watcher);
    this.onStatus = (status) => status.counts.all && reopen();
    this.close = () => app.uploads.watchers.delete(this.watcher);
  }
}

class List {
  constructor(app, main, filters, page, fetchPage) {
    Object.assign(this, { app, filters, page, fetchPage, rows: new Map(), view: template('list-view') });
    const { view } = this;
    main.replaceChildren(view.root);
    view.formats.textContent = `· ${formatsOf(app)}`;
    this.#filters();
    const row = (run) => (element) => run(this.rows.get(element.closest('tr').dataset.id).row);
    const item = (run) => (element) => run.call(app.uploads, app.uploads.items.find(({ id }) => id === element.closest('tr').dataset.id));
    acts(view.root, {
      ...choosing,
      fresh: () => { this.#put(this.page); view.rows.querySelector('a')?.focus(); },
      download: row(({ id, name }) => app.download(`documents/${id}/content`, fileOf(name))),
      copyLink: row(({ id }) => copy(new URL(`#/d/${id}`, location.href).href, t('linkCopied'))),
      replay: row((one) => replay(app, one)),
      ...Object.fromEntries(['cancel', 'replace', 'drop', 'resume'].map((name) => [name, item(app.uploads[name])])),
      cancelAll: () => app.uploads.cancelAll(),
    });
    this.watcher = () => this.showUploads();
    app.uploads.watchers.add(this.watcher);
    this.#put(page);
    this.showUploads();
    if (app.status) this.#now(app.status);
    keysOf({ R: () => app.go('#/review'), Escape: () => { if (Object.keys(filters).length) app.go('#/'); return false; } });
    this.clock = setInterval(() => { for (const time of view.rows.querySelectorAll('time')) time.textContent = ago(time.dateTime); }, 5000);
  }

  close() {
    clearInterval(this.clock);
    this.app.uploads.watchers.delete(this.watcher);
  }

  address(changes) {
    return `#/${query({ ...this.filters, cursor: '', ...changes })}`;
  }

  #filters() {
    const { view, filters, app } = this;
    const form = view.filters;
    const add = (place, values) => place.append(...[...new Set(values)].filter(Boolean).map((value) => h('option', { value }, value)));
    add(view.codes, [...(app.status?.failures ?? []).map(({ code }) => code), filters.code]);
    add(view.models, [...(app.status?.models ?? []).map(({ model }) => model), filters.model]);
    add(view.folders, this.page.value.map(({ name }) => folderOf(name)));
    for (const name of FILTERS) form.elements[name].value = filters[name] ?? '';
    const apply = () => app.go(this.address(Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value.trim()]))));
    form.onsubmit = (event) => { event.preventDefault(); apply(); };
    form.onchange = apply;
    const { cursor, ...kept } = filters;
    acts(form, {
      fold: () => view.fold.setAttribute('aria-expanded', form.classList.toggle('open')),
      export: ({ value: format }) => app.download(`labels${query({ format, ...kept })}`),
    });
  }

  /** Show a page of rows from the app. */
  #put(page) {
    this.page = page;
    this.known = new Categories(this.app.categories(...page.value.flatMap(({ categories }) => categories?.map(({ category }) => category) ?? [])), []);
    this.view.fresh.hidden = true;
    const rows = new Map();
    for (const row of this.filters.state === 'uploading' ? [] : page.value) rows.set(row.id, this.#drawn(row));
    for (const [id, { element }] of this.rows) if (!rows.has(id)) this.#remove(element);
    this.rows = rows;
    this.app.order = [...rows.keys()];
    // An element that stays where it is keeps its focus: only what is out of place is moved.
    let place = this.view.rows.firstElementChild;
    for (const { element } of rows.values()) {
      if (element === place) place = place.nextElementSibling;
      else this.view.rows.insertBefore(element, place);
    }
    this.#foot();
    this.#hideUploaded();
  }

  // A document that is being uploaded has the row of its upload.
  #hideUploaded() {
    for (const { row, element } of this.rows.values()) element.hidden = this.app.uploads.items.some(({ id }) => id === row.id);
  }

  #remove(element) {
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    const hadFocus = element.contains(document.activeElement);
    element.remove();
    if (hadFocus) (neighbour?.querySelector('a, button') ?? document.getElementById('main')).focus();
  }

  #drawn(row) {
    const text = JSON.stringify(row);
    const old = this.rows.get(row.id);
    if (old?.text === text) return old;
    const now = this.#row(row);
    if (!old) return { row, text, element: now };
    const { element } = old;
    const places = () => [...element.querySelectorAll('a, button, summary')];
    const focused = places().indexOf(document.activeElement);
    refill(element, ...now.children);
    element.dataset.state = row.state;
    if (focused >= 0 && !element.contains(document.activeElement)) (places()[focused] ?? places()[0]).focus();
    if (shown(old.row) !== shown(row)) {
      element.classList.remove('changed');
      void element.offsetWidth;
      element.classList.add('changed');
    }
    return { row, text, element };
  }

  #row(row) {
    const { root, ...cells } = template('row');
    const path = `#/d/${row.id}`;
    const name = fileOf(row.name);
    const isReview = shown(row) === 'review';
    const isFailed = row.state === 'failed';
    Object.assign(root.dataset, { id: row.id, state: row.state });
    cells.state.append(badge(row, isFailed ? cause(row) : [row.entityCount && t('nFound', { n: row.entityCount }), ago(row.changed)].filter(Boolean).join(' · ')));
    const link = h('a.name', { href: path, title: row.name, 'aria-label': name }, shortName(row.name));
    cells.name.prepend(link);
    cells.folder.textContent = pathOf(row.name);
    fill(cells.found, this.#found(row));
    cells.size.textContent = bytes(row.size);
    cells.when.append(h('time', { datetime: row.changed }, ago(row.changed)));
    cells.hint.textContent = isReview && row.leastSure !== null ? t('leastSure', { value: sure(row.leastSure) }) : !isReview && row.reviewed && row.corrected ? t('nCorrected', { n: row.corrected }) : '';
    if (isReview || isFailed) cells.hint.after(h('a.button.small', { href: isFailed ? path : `#/review/${row.id}`, 'aria-label': t(isFailed ? 'whyName' : 'reviewName', { name }) }, t(isFailed ? 'why' : 'reviewIt')));
    cells.more.ariaLabel = t('moreName', { name });
    cells.replay.hidden = !isFailed || row.problem?.canReplay === false;
    cells.go.href = path;
    return root;
  }

  #found(row) {
    const { state, jobDocuments, nextAttempt } = row;
    if (state === 'waiting') return t('nextInLine');
    if (state === 'running') return jobDocuments > 1 ? t('sentWith', { n: jobDocuments - 1 }) : t('sentAlone');
    if (state === 'deferred') return nextAttempt ? t('nextTry', { time: duration(secondsUntil(nextAttempt), true) }) : t('serviceBusy');
    if (state === 'failed') return h('span.bad', cause(row));
    const categories = [...(row.categories ?? [])].sort((a, b) => b.count - a.count);
    if (!categories.length) return row.characters === null ? '' : t('nothingFound', { n: row.characters });
    const rest = sum(categories.slice(2).map(({ count }) => count));
    return [categories.slice(0, 2).map(({ category, count }) => h('span.cat-count', categoryName(this.known, category), ` ${number(count)}`)), rest > 0 && h('span.hint', t('moreN', { n: rest }))];
  }

  async onStatus(status) {
    const { view, app } = this;
    this.#now(status);
    try {
      const page = await this.fetchPage();
      if (app.view !== this) return;
      const unknown = page.value.filter(({ id }) => !this.rows.has(id));
      // Nothing moves under a pointer or a focus: what is new waits behind a button then.
      const busy = scrollY > 120 || view.rows.matches(':focus-within, :hover');
      const sent = app.uploads.items.filter(({ state }) => state === 'sent');
      const asked = [...[...this.rows.values()].map(({ row }) => row).filter(isOpen), ...sent].map(({ id }) => id);
      const others = await rowsOf(asked.filter((one) => !page.value.some(({ id }) => id === one)).slice(0, 100));
      if (unknown.length && busy && !this.filters.cursor) {
        this.page = page;
        for (const row of [...page.value, ...others]) if (this.rows.has(row.id)) this.rows.set(row.id, this.#drawn(row));
        view.fresh.hidden = false;
        view.fresh.textContent = t('nNew', { n: unknown.length });
      } else this.#put(page);
      this.#arrived([...page.value, ...others], sent);
      const { done, failed, waiting, running, deferred } = status.counts;
      if (this.sums !== `${done} ${failed}`) say('sums', t('sums', { done, failed, left: waiting + running + deferred }));
      this.sums = `${done} ${failed}`;
    } catch (error) {
      if (error.status === 401) throw error;
    }
  }

  // An upload's own row goes once the app has one for the document.
  #arrived(rows, sent) {
    for (const item of sent) {
      const row = rows.find(({ id }) => id === item.id);
      if ((row && row.etag !== item.replace) || Date.now() - item.began > 120_000) this.app.uploads.drop(item);
    }
  }

  #now({ counts, perMinute, oldestUnfinished, resources, models: [model] }) {
    const { view, filters, app } = this;
    const uploading = app.uploads.items.filter(({ state }) => state !== 'sent').length;
    const current = filters.review === 'true' ? 'review' : (filters.state ?? 'all');
    refill(view.counts, STATES.map((state) => {
      const n = state === 'uploading' ? uploading : (counts[state] ?? 0);
      const change = state === 'review' ? { state: '', review: 'true' } : { state: state === 'all' ? '' : state, review: '' };
      return h(`a.count.s-${state}`, { href: this.address(change), class: n ? null : 'zero', 'aria-current': state === current && 'true' }, h('span', state !== 'all' && icon(state), t(`state.${state}`)), ' ', h('b', number(n)));
    }));
    const most = sum(resources.map(({ requestsPerMinute }) => requestsPerMinute));
    const used = sum(resources.map(({ requestsInUse }) => requestsInUse));
    const waits = resources.map(({ throttledUntil }) => throttledUntil && secondsUntil(throttledUntil)).filter((wait) => wait > 0);
    refill(view.now, perMinute !== null && h('span', h('b', number(perMinute)), ` ${t('aMinute')}`),
      oldestUnfinished && h('span', `${t('oldest')} `, h('b', duration(-secondsUntil(oldestUnfinished)))),
      most > 0 && h('span.requests', `${t('requests')} `, h('progress', { max: most, value: Math.min(used, most), 'aria-label': t('requests') }), h('b', ` ${number(used)} `), t('ofAMinute', { n: most })),
      waits.length > 0 && h('span.warn', icon('deferred'), t('slowDown', { time: t('seconds', { n: Math.ceil(Math.min(...waits)) }) })), h('span.grow'), h('span.live', t('live')));
    const days = model?.expires ? daysUntil(model.expires) : null;
    refill(view.model, model && [`${t('model')} `, h('b', model.model), days !== null && days < SOON_DAYS && h('span.warn', icon('warning'), t('expiresIn', { n: days }))]);
  }

  #foot() {
    const { view, page: { searched, nextCursor }, filters, app } = this;
    const n = this.rows.size;
    const all = Object.keys(filters).length ? null : app.status?.counts.all;
    const far = searched?.complete === false ? t(searched.until ? 'searchedUntil' : 'searchedSome', { n: searched.blobs, day: searched.until ? day(searched.until) : '' }) : '';
    view.range.textContent = listOf([n && t(all ? 'firstOf' : 'nShown', { n, all }), far].filter(Boolean));
    view.older.hidden = !nextCursor;
    view.older.href = this.address({ cursor: nextCursor ?? '' });
    view.newest.hidden = !filters.cursor;
    view.newest.href = this.address({});
    this.#showIfEmpty();
    const failures = filters.state === 'failed' && !filters.name && !filters.prefix && !filters.code && !nextCursor;
    const what = [filters.name && `“${filters.name}”`, filters.prefix, filters.state && t(`state.${filters.state}`), filters.code, filters.model].filter(Boolean);
    fill(view.empty, h('h2', t(failures ? 'nothingFailed' : nextCursor ? 'noMatchYet' : 'noMatch')), h('p', failures ? '' : listOf(what)), h('a.button', { href: '#/' }, t('clearFilters')));
  }

  #showIfEmpty() {
    const none = !this.rows.size && !this.app.uploads.items.length;
    this.view.empty.hidden = !none;
    this.view.table.classList.toggle('none', none);
  }

  showUploads() {
    const { view, app } = this;
    const { items } = app.uploads;
    const isShown = !this.filters.state || this.filters.state === 'uploading';
    refill(view.uploads, isShown && items.map((item) => this.#uploadRow(item)));
    const moving = items.filter(({ state }) => state !== 'refused');
    const total = sum(moving.map(({ file }) => file.size));
    const sent = sum(moving.map((item) => (item.state === 'sent' ? item.file.size : item.sent)));
    view.summary.hidden = !app.uploads.isBusy;
    if (app.uploads.isBusy) {
      const left = sent && (Date.now() - Math.min(...moving.map(({ began }) => began))) / 1000 * (total / sent - 1);
      const counted = (...states) => items.filter(({ state }) => states.includes(state)).length;
      const asking = counted('exists');
      const broken = counted('broken');
      refill(view.summary, h('b', t('uploadingOf', { n: counted('uploading', 'queued'), all: moving.length })), h('progress', { max: total || 1, value: sent, 'aria-label': t('state.uploading') }),
        h('span.hint', [t('bytesOf', { done: bytes(sent), all: bytes(total) }), sent && t('secondsLeft', { n: Math.ceil(left) }), asking && t('nAsk', { n: asking }), broken && t('nBroken', { n: broken })].filter(Boolean).join(' · ')),
        h('span.grow'), button(t('cancelAll'), null, { icon: 'close', class: 'quiet small', 'data-do': 'cancelAll' }));
    }
    this.#hideUploaded();
    this.#showIfEmpty();
    if (app.status) this.#now(app.status);
  }

  #uploadRow({ id, name, file, state, existing, error, sent }) {
    const { root, ...cells } = template('row');
    root.dataset.id = id;
    root.classList.add('up', `u-${state}`);
    const look = { queued: 'waiting', exists: 'question', broken: 'failed', refused: 'failed', sent: 'waiting' }[state] ?? state;
    cells.state.append(mark(look, t(`upload.${state}`)));
    cells.name.prepend(h('span.name', { title: name }, shortName(name)));
    cells.folder.textContent = pathOf(name);
    const progress = t('bytesOf', { done: bytes(sent), all: bytes(file.size) });
    const bar = (words, kind) => [h('progress', { class: kind, max: file.size || 1, value: sent, 'aria-label': fileOf(name) }), h('span.hint', words)];
    fill(cells.found, {
      queued: t('queued'), uploading: bar(progress), sent: t('nextInLine'), exists: existing?.changed ? t('existsFrom', { day: day(existing.changed) }) : t('exists'),
      broken: bar(t('stoppedAt', { at: progress }), 'bad'), refused: h('span.bad', error),
    }[state]);
    cells.size.textContent = bytes(file.size);
    cells.when.textContent = t('justNow');
    const act = (words, what, look_) => button(words, null, { 'aria-label': `${words}: ${fileOf(name)}`, 'data-do': what, class: 'small', ...look_ });
    const cancel = act(t('cancel'), 'cancel', { icon: 'close', class: 'quiet small' });
    const drop = button(null, null, { icon: 'close', 'data-do': 'drop', 'aria-label': t('dropIt'), title: t('dropIt'), class: 'quiet small square' });
    fill(cells.acts, { queued: cancel, uploading: cancel, exists: [act(t('replace'), 'replace'), act(t('keepOld'), 'drop')], broken: [act(t('resume'), 'resume', { icon: 'replay' }), drop], refused: drop }[state]);
    return root;
  }
}
