// The list of documents: counts, what is going on, uploads, rows that change by themselves.
import { getJson, query } from './api.js';
import { Categories } from './categories.js';
import { button, closing, fileOf, folderOf, h, icon, iconButton, shortName, template } from './dom.js';
import { copy, failed, say } from './messages.js';
import { badge, cause, replay, shown } from './rows.js';
import { keysOf } from './keys.js';
import { ago, bytes, day, duration, list as listOf, number, sure, t } from './words.js';

const STATES = ['all', 'uploading', 'waiting', 'running', 'deferred', 'done', 'failed', 'review'];
const FORMATS = ['language-studio', 'language-studio-2021', 'doccano', 'spacy', 'conll'];
const EXTENSIONS = { spacy: 'jsonl', doccano: 'jsonl', conll: 'txt' };
const FILTERS = ['name', 'prefix', 'reviewed', 'code', 'model'];
const isOpen = ({ state }) => ['waiting', 'running', 'deferred'].includes(state);

export const formatsOf = ({ session: { formats = [], limits } }) => t('formats', { formats: listOf(formats.slice(0, 8)), size: bytes(Math.min(limits.documentBytes, limits.fileBytes)) });

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

const choose = (id) => document.getElementById(id).click();

class FirstVisit {
  constructor(app, main) {
    const view = template('first-visit');
    main.replaceChildren(view.root);
    view.formats.textContent = `${formatsOf(app)} ${t('straight')}`;
    view.files.onclick = () => choose('files');
    view.folder.onclick = () => choose('folder');
    const { samples = [], categories = [] } = app.session;
    view.samples.hidden = !samples.length;
    view.trySamples.textContent = t('trySamples', { n: samples.length });
    view.trySamples.onclick = async () => {
      const files = await Promise.all(samples.map(async ({ name, url }) => ({ path: name, file: new File([await (await fetch(url)).blob()], fileOf(name), { type: 'text/plain' }) })));
      app.uploads.add(files);
    };
    view.model.hidden = !categories.length;
    view.modelName.textContent = listOf([...(app.status?.models ?? []).slice(0, 1).map(({ model }) => model), t('nCategories', { n: categories.length })]);
    const known = new Categories(categories, []);
    view.categories.append(...categories.map((name) => h('span', { class: `cat c${known.colour(name)}` }, name)));
    view.files.focus();
    this.watcher = () => { if (app.uploads.items.length) dispatchEvent(new HashChangeEvent('hashchange')); };
    app.uploads.watchers.add(this.watcher);
    this.onStatus = (status) => { if (status.counts.all) dispatchEvent(new HashChangeEvent('hashchange')); };
    this.close = () => app.uploads.watchers.delete(this.watcher);
  }
}

class List {
  constructor(app, main, filters, page, fetchPage) {
    Object.assign(this, { app, filters, page, fetchPage, rows: new Map(), fresh: [], view: template('list-view') });
    const { view } = this;
    main.replaceChildren(view.root);
    for (const [ref, id] of [['files', 'files'], ['folder', 'folder'], ['add', 'files']]) view[ref].onclick = () => choose(id);
    view.formats.textContent = `· ${formatsOf(app)}`;
    this.known = new Categories(app.session.categories ?? [], []);
    this.#filters();
    this.watcher = () => this.showUploads();
    app.uploads.watchers.add(this.watcher);
    view.fresh.onclick = () => { this.#put(this.page); view.rows.querySelector('a')?.focus(); };
    this.#put(page);
    this.showUploads();
    if (app.status) this.#now(app.status);
    keysOf({ R: () => app.go('#/review'), Escape: () => { if (Object.keys(filters).length) app.go('#/'); return false; } });
    this.clock = setInterval(() => this.#times(), 5000);
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
    const option = (value) => h('option', { value }, value);
    const add = (select, values) => select.append(...[...new Set([...values, select.name === 'code' ? filters.code : filters.model])].filter(Boolean).map(option));
    add(view.codes, (app.status?.failures ?? []).map(({ code }) => code));
    add(view.models, (app.status?.models ?? []).map(({ model }) => model));
    view.folders.append(...new Set(this.page.value.map(({ name }) => folderOf(name)).filter(Boolean).map((name) => option(name))));
    for (const name of FILTERS) form.elements[name].value = filters[name] ?? '';
    const apply = () => app.go(this.address(Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value.trim()]))));
    form.addEventListener('submit', (event) => { event.preventDefault(); apply(); });
    form.addEventListener('change', apply);
    view.fold.onclick = () => view.fold.setAttribute('aria-expanded', form.classList.toggle('open'));
    closing(form.querySelector('.menu'));
    view.exports.append(...FORMATS.map((format) => h('button', { type: 'button', onclick: () => this.#export(format) }, h('b', {}, t(`export.${format}`)), h('span', {}, t(`exportFor.${format}`)))));
  }

  #export(format) {
    const { cursor, ...filters } = this.filters;
    this.app.download(`labels${query({ format, ...filters })}`, `labels-${format}.${EXTENSIONS[format] ?? 'json'}`).catch(failed);
  }

  /** Show a page of rows from the app. */
  #put(page) {
    this.page = page;
    this.fresh = [];
    this.view.fresh.hidden = true;
    const rows = new Map();
    for (const row of this.filters.state === 'uploading' ? [] : page.value) rows.set(row.id, this.#drawn(row));
    for (const [id, { element }] of this.rows) if (!rows.has(id)) this.#remove(element);
    this.rows = rows;
    // An element that stays where it is keeps its focus: only what is out of place is moved.
    let place = this.view.rows.firstElementChild;
    for (const { element } of rows.values()) {
      if (element === place) place = place.nextElementSibling;
      else this.view.rows.insertBefore(element, place);
    }
    this.#foot();
    for (const { row, element } of rows.values()) element.hidden = this.app.uploads.items.some(({ id }) => id === row.id);
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
    const cells = this.#cells(row);
    if (!old) return { row, text, element: h('tr', { role: 'row', 'data-id': row.id, 'data-state': row.state }, cells) };
    const focused = [...old.element.querySelectorAll('a, button, summary')].indexOf(document.activeElement);
    old.element.replaceChildren(...cells);
    old.element.dataset.state = row.state;
    if (focused >= 0) (old.element.querySelectorAll('a, button, summary')[focused] ?? old.element.querySelector('a')).focus();
    if (shown(old.row) !== shown(row)) {
      old.element.classList.remove('changed');
      void old.element.offsetWidth;
      old.element.classList.add('changed');
    }
    return { row, text, element: old.element };
  }

  #cells(row) {
    const { app } = this;
    const path = `#/d/${row.id}`;
    const file = fileOf(row.name);
    const actions = [];
    if (shown(row) === 'review') {
      if (row.leastSure !== null) actions.push(h('span', { class: 'hint' }, t('leastSure', { value: sure(row.leastSure) })));
      actions.push(h('a', { class: 'button small', href: `#/review/${row.id}`, 'aria-label': t('reviewName', { name: file }) }, t('reviewIt')));
    } else if (row.state === 'failed') actions.push(h('a', { class: 'button small', href: path, 'aria-label': t('whyName', { name: file }) }, t('why')));
    else if (row.reviewed && row.corrected) actions.push(h('span', { class: 'hint' }, t('nCorrected', { n: row.corrected })));
    const menu = closing(h('details', { class: 'menu' }, h('summary', { class: 'button quiet square', 'aria-label': t('moreName', { name: file }) }, icon('dots'))));
    menu.addEventListener('toggle', () => menu.open && menu.children.length === 1 && menu.append(h('div', { class: 'pop' },
      button(t('download'), () => app.download(`documents/${row.id}/content`, file).catch(failed), { icon: 'download' }),
      button(t('copyLink'), () => copy(new URL(path, location.href).href, t('linkCopied')), { icon: 'link' }),
      row.state === 'failed' && row.problem?.canReplay !== false && button(t('replay'), () => replay(app, row), { icon: 'replay' }))));
    return [
      h('td', { role: 'cell', class: 'state' }, badge(row, row.state === 'failed' ? row.problem && cause(row) : [row.entityCount && t('nFound', { n: row.entityCount }), ago(row.changed)].filter(Boolean).join(' · '))),
      h('th', { role: 'rowheader', scope: 'row' }, h('a', { class: 'name', href: path, title: row.name, 'aria-label': file }, shortName(row.name)), h('span', { class: 'hint folder' }, h('bdi', {}, folderOf(row.name).split('/').filter(Boolean).join(' / ')))),
      h('td', { role: 'cell', class: 'found' }, this.#found(row)),
      h('td', { role: 'cell', class: 'num' }, bytes(row.size)),
      h('td', { role: 'cell', class: 'when' }, h('time', { datetime: row.changed }, ago(row.changed))),
      h('td', { role: 'cell', class: 'acts' }, actions, menu, h('a', { class: 'button quiet square go', href: path, tabindex: '-1', 'aria-hidden': 'true' }, icon('right'))),
    ];
  }

  #found(row) {
    if (row.state === 'waiting') return t('nextInLine');
    if (row.state === 'running') return row.jobDocuments > 1 ? t('sentWith', { n: row.jobDocuments - 1 }) : t('sentAlone');
    if (row.state === 'deferred') return row.nextAttempt ? t('nextTry', { time: duration((new Date(row.nextAttempt) - Date.now()) / 1000, true) }) : t('serviceBusy');
    if (row.state === 'failed') return h('span', { class: 'bad' }, row.problem ? cause(row) : '');
    const categories = [...(row.categories ?? [])].sort((a, b) => b.count - a.count);
    if (!categories.length) return row.characters === null ? '' : t('nothingFound', { n: row.characters });
    const rest = categories.slice(2).reduce((sum, { count }) => sum + count, 0);
    return [...categories.slice(0, 2).map(({ category, count }) => h('span', { class: 'cat-count' }, h('span', { class: `cat c${this.known.colour(category)}` }, category), ` ${number(count)}`)), rest > 0 && h('span', { class: 'hint' }, t('moreN', { n: rest }))];
  }

  #times() {
    for (const time of this.view.rows.querySelectorAll('time')) time.textContent = ago(time.dateTime);
  }

  async onStatus(status) {
    this.#now(status);
    try {
      const page = await this.fetchPage();
      if (this.app.view !== this) return;
      const unknown = page.value.filter(({ id }) => !this.rows.has(id));
      // Nothing moves under a pointer or a focus: what is new waits behind a button then.
      const busy = scrollY > 120 || this.view.rows.contains(document.activeElement) || this.view.rows.matches(':hover');
      const sent = this.app.uploads.items.filter(({ state }) => state === 'sent');
      const asked = [...[...this.rows.values()].map(({ row }) => row).filter(isOpen), ...sent];
      const missing = asked.map(({ id }) => id).filter((one) => !page.value.some(({ id }) => id === one)).slice(0, 100);
      const others = missing.length ? (await getJson(`documents${query({ ids: missing.join(',') })}`)).value : [];
      if (unknown.length && busy && !this.filters.cursor) {
        this.page = page;
        for (const row of [...page.value, ...others]) if (this.rows.has(row.id)) this.rows.set(row.id, this.#drawn(row));
        this.view.fresh.hidden = false;
        this.view.fresh.textContent = t('nNew', { n: unknown.length });
      } else this.#put(page);
      this.#arrived([...page.value, ...others], sent);
      const { done, failed: bad, waiting, running, deferred } = status.counts;
      if (this.sums !== `${done} ${bad}`) say('sums', t('sums', { done, failed: bad, left: waiting + running + deferred }));
      this.sums = `${done} ${bad}`;
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

  #now(status) {
    const { view, filters, app } = this;
    const { counts } = status;
    const uploading = app.uploads.items.filter(({ state }) => state !== 'sent').length;
    const current = filters.review === 'true' ? 'review' : (filters.state ?? 'all');
    view.counts.replaceChildren(...STATES.map((state) => {
      const n = state === 'uploading' ? uploading : (counts[state] ?? 0);
      const change = state === 'review' ? { state: '', review: 'true' } : { state: state === 'all' ? '' : state, review: '' };
      return h('a', { class: `count s-${state}${n ? '' : ' zero'}`, href: this.address(change), 'aria-current': state === current ? 'true' : null }, h('span', {}, state !== 'all' && icon(state), t(`state.${state}`)), ' ', h('b', {}, number(n)));
    }));
    const parts = [];
    if (status.perMinute !== null) parts.push(h('span', {}, h('b', {}, number(status.perMinute)), ` ${t('aMinute')}`));
    if (status.oldestUnfinished) parts.push(h('span', {}, `${t('oldest')} `, h('b', {}, duration((Date.now() - new Date(status.oldestUnfinished)) / 1000))));
    const used = status.resources.reduce((sum, { requestsInUse }) => sum + requestsInUse, 0);
    const most = status.resources.reduce((sum, { requestsPerMinute }) => sum + requestsPerMinute, 0);
    if (most) parts.push(h('span', { class: 'requests' }, `${t('requests')} `, h('progress', { max: most, value: Math.min(used, most), 'aria-label': t('requests') }), h('b', {}, ` ${number(used)} `), t('ofAMinute', { n: most })));
    const slowed = status.resources.map(({ throttledUntil }) => throttledUntil && (new Date(throttledUntil) - Date.now()) / 1000).filter((wait) => wait > 0);
    if (slowed.length) parts.push(h('span', { class: 'warn' }, icon('deferred'), t('slowDown', { time: t('seconds', { n: Math.ceil(Math.min(...slowed)) }) })));
    view.now.replaceChildren(...parts, h('span', { class: 'grow' }), h('span', { class: 'live' }, t('live')));
    const model = status.models[0];
    const days = model?.expires && Math.floor((new Date(model.expires) - Date.now()) / 86_400_000);
    view.model.replaceChildren(...(model ? [`${t('model')} `, h('b', {}, model.model), days !== null && days < 60 ? h('span', { class: 'warn' }, icon('warning'), t('expiresIn', { n: days })) : ''] : []));
  }

  #foot() {
    const { view, page, filters, app } = this;
    const n = this.rows.size;
    const { searched } = page;
    const all = Object.keys(filters).length ? null : app.status?.counts.all;
    const far = searched?.complete === false ? t(searched.until ? 'searchedUntil' : 'searchedSome', { n: searched.blobs, day: searched.until ? day(searched.until) : '' }) : '';
    view.range.textContent = listOf([n ? t(all ? 'firstOf' : 'nShown', { n, all }) : '', far].filter(Boolean));
    view.older.hidden = !page.nextCursor;
    view.older.href = this.address({ cursor: page.nextCursor ?? '' });
    view.newest.hidden = !filters.cursor;
    view.newest.href = this.address({});
    const none = !n && !app.uploads.items.length;
    view.empty.hidden = !none;
    view.root.querySelector('table').classList.toggle('none', none);
    if (!none) return;
    const failures = filters.state === 'failed' && !filters.name && !filters.prefix && !filters.code && !page.nextCursor;
    const what = [filters.name && `“${filters.name}”`, filters.prefix, filters.state && t(`state.${filters.state}`), filters.code, filters.model].filter(Boolean);
    view.empty.replaceChildren(h('h2', {}, t(failures ? 'nothingFailed' : page.nextCursor ? 'noMatchYet' : 'noMatch')), h('p', {}, failures ? '' : listOf(what)), h('a', { class: 'button', href: '#/' }, t('clearFilters')));
  }

  showUploads() {
    const { view, app } = this;
    const { items } = app.uploads;
    const isShown = !this.filters.state || this.filters.state === 'uploading';
    for (const { row, element } of this.rows.values()) element.hidden = items.some(({ id }) => id === row.id);
    const active = document.activeElement?.dataset?.act;
    view.uploads.replaceChildren(...(isShown ? items.map((item) => this.#uploadRow(item)) : []));
    if (active) view.uploads.querySelector(`[data-act="${active}"]`)?.focus();
    const moving = items.filter(({ state }) => ['queued', 'uploading', 'sent', 'exists', 'broken'].includes(state));
    const total = moving.reduce((sum, { file }) => sum + file.size, 0);
    const sent = moving.reduce((sum, { file, state, sent: done }) => sum + (state === 'sent' ? file.size : done), 0);
    view.summary.hidden = !app.uploads.isBusy;
    if (!view.summary.hidden) {
      const began = Math.min(...moving.map((item) => item.began));
      const left = sent ? ((Date.now() - began) / 1000) * (total / sent - 1) : null;
      const counted = (state) => items.filter((item) => item.state === state).length;
      view.summary.replaceChildren(h('b', {}, t('uploadingOf', { n: counted('uploading') + counted('queued'), all: moving.length })), h('progress', { max: total || 1, value: sent, 'aria-label': t('state.uploading') }),
        h('span', { class: 'hint' }, [t('bytesOf', { done: bytes(sent), all: bytes(total) }), left !== null && t('secondsLeft', { n: Math.ceil(left) }), counted('exists') && t('nAsk', { n: counted('exists') }), counted('broken') && t('nBroken', { n: counted('broken') })].filter(Boolean).join(' · ')),
        h('span', { class: 'grow' }), button(t('cancelAll'), () => app.uploads.cancelAll(), { icon: 'close', class: 'quiet small' }));
    }
    view.root.querySelector('table').classList.toggle('none', !items.length && !this.rows.size);
    if (items.length) view.empty.hidden = true;
    if (app.status) this.#now(app.status);
  }

  #uploadRow(item) {
    const { uploads } = this.app;
    const { name, file, state, existing, error } = item;
    const label = { 'data-act': '' };
    const act = (words, run, extra = {}) => button(words, run, { class: 'small', ...label, 'data-act': `${item.id} ${words}`, 'aria-label': `${words}: ${fileOf(name)}`, ...extra });
    const bar = (words, kind = '') => [h('progress', { class: kind, max: file.size || 1, value: item.sent, 'aria-label': `${t(`state.${state}`)}: ${fileOf(name)}` }), h('span', { class: 'hint' }, words)];
    const progress = t('bytesOf', { done: bytes(item.sent), all: bytes(file.size) });
    const found = {
      queued: t('queued'), uploading: bar(progress), sent: t('nextInLine'),
      exists: h('span', {}, existing?.changed ? t('existsFrom', { day: day(existing.changed) }) : t('exists')),
      broken: bar(t('stoppedAt', { at: progress }), 'bad'), refused: h('span', { class: 'bad' }, error),
    }[state];
    const acts = {
      queued: [act(t('cancel'), () => uploads.cancel(item), { icon: 'close', class: 'quiet small' })],
      uploading: [act(t('cancel'), () => uploads.cancel(item), { icon: 'close', class: 'quiet small' })],
      exists: [act(t('replace'), () => uploads.replace(item)), act(t('keepOld'), () => uploads.drop(item))],
      broken: [act(t('resume'), () => uploads.resume(item), { icon: 'replay' }), iconButton('close', t('dropIt'), () => uploads.drop(item), { class: 'quiet small' })],
      refused: [iconButton('close', t('dropIt'), () => uploads.drop(item), { class: 'quiet small' })],
    }[state] ?? [];
    const look = { queued: 'waiting', exists: 'question', broken: 'failed', refused: 'failed', sent: 'waiting' }[state] ?? state;
    return h('tr', { role: 'row', class: `up u-${state}` },
      h('td', { role: 'cell', class: 'state' }, h('span', { class: `badge s-${look}` }, icon(look), h('span', {}, t(`upload.${state}`)))),
      h('th', { role: 'rowheader', scope: 'row' }, h('span', { class: 'name', title: name }, shortName(name)), h('span', { class: 'hint folder' }, h('bdi', {}, folderOf(name).split('/').filter(Boolean).join(' / ')))),
      h('td', { role: 'cell', class: 'found' }, found), h('td', { role: 'cell', class: 'num' }, bytes(file.size)), h('td', { role: 'cell', class: 'when' }, t('justNow')), h('td', { role: 'cell', class: 'acts' }, acts));
  }
}
