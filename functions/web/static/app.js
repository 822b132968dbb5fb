// Starts the page: access, the frame around the views, which view the address asks for, and what is live.
import { accessKey, getJson, keepKey, send, watchConnection } from './api.js';
import { acts, fill, h, icon, messageView, refs, saveAs, template, translate } from './dom.js';
import { showKeys, keysOf } from './keys.js';
import { ask, clearNotice, failed, notice, say } from './messages.js';
import { firstLanguage, isDark, preferences, remember, showTheme } from './preferences.js';
import { clock, load, number, t } from './words.js';
import { Uploads, droppedFiles } from './uploads.js';

const FAST_MS = 1500;
const SLOW_MS = 10_000;
const main = document.getElementById('main');
const frame = refs(document.querySelector('header'));
const VIEWS = { '': './list.js', d: './document.js', review: './document.js', status: './status.js', model: './model.js' };

const met = new Set();

/** What every view gets: the session, the last status, the uploads, and where the address leads. */
export const app = {
  session: null, status: null, statusAt: null, view: null, uploads: null, lastList: '#/',
  /** Go to an address of the page. */
  go(hash) { location.hash = hash; },
  /** The categories of the model; where the app does not know them, those that the page has met. */
  categories(...more) {
    for (const name of more) met.add(name);
    return this.session.categories?.length ? this.session.categories : [...met].sort();
  },
  /** Save the answer to a GET as a file, by the name that the answer gives it unless there is another. */
  async download(path, name) {
    try {
      const response = await send(path);
      saveAs(await response.blob(), name ?? /filename="([^"]*)"/.exec(response.headers.get('content-disposition'))?.[1] ?? '');
    } catch (error) {
      failed(error);
    }
  },
  /** Ask for the state of things now, not at the next turn. */
  refresh: () => tick(),
};

// `asked`: the first answer, or the error, of a request that is under way.
async function openSession(asked) {
  for (;;) {
    try {
      const answer = asked ? await asked : await getJson('session');
      asked = null;
      if (answer instanceof Error) throw answer;
      return answer;
    } catch (error) {
      if (error.status === 0) await new Promise((resolve) => { setTimeout(resolve, 3000); });
      else if (error.status === 401) await askAccess(error);
      else throw error;
    }
  }
}

async function askAccess(error) {
  const wrong = accessKey() || error.code === 'access_key_wrong';
  keepKey(null);
  if (error.code === 'sign_in_needed') {
    await ask(t('signInTitle'), h('p', t('signInText')), [{ words: t('signIn'), filled: true, value: true }]);
    location.href = '.auth/login/aad?post_login_redirect_uri=/';
    return;
  }
  const { root, field, ...view } = template('access-key-form');
  view.wrong.hidden = !wrong;
  acts(root, { show: () => { field.type = field.type === 'text' ? 'password' : 'text'; } });
  if (wrong) {
    field.setAttribute('aria-describedby', 'key-wrong');
    say('alarms', t('keyWrong'));
  }
  const key = await ask(t('keyTitle'), root, [{ words: t('open'), filled: true, value: () => field.value.trim() || undefined }]);
  if (key) keepKey(key);
}

let timer;
let turn = 0;
async function tick() {
  clearTimeout(timer);
  const mine = ++turn;
  try {
    const status = await getJson('status');
    Object.assign(app, { status, statusAt: new Date() });
    showCount();
    await app.view?.onStatus?.(status);
  } catch (error) {
    if (error.status === 401) await regainAccess();
  }
  if (mine !== turn || document.hidden) return;
  const { waiting = 0, running = 0, deferred = 0 } = app.status?.counts ?? {};
  timer = setTimeout(tick, waiting + running + deferred || app.uploads.isBusy || !app.status ? FAST_MS : SLOW_MS);
}

async function regainAccess() {
  notice('access', 'bad', t('noAccess'), t('noAccessText'));
  app.session = await openSession();
  clearNotice('access');
  await route();
}

function showCount() {
  const waiting = app.status?.counts.review ?? 0;
  frame.reviewCount.hidden = !waiting;
  frame.reviewCount.textContent = number(waiting);
}

function where() {
  const [path, search = ''] = location.hash.slice(1).split('?');
  const [name = '', id] = path.replace(/^\//, '').split('/');
  return { name, id, search };
}

let opening = 0;
async function route() {
  const mine = ++opening;
  const { name, id, search } = where();
  const { open } = await import(VIEWS[name] ?? VIEWS['']);
  if (mine !== opening) return;
  app.view?.close?.();
  // A dialog that was opened before the first view, about keys, stays.
  if (app.view) document.querySelector('dialog[open]')?.close();
  app.view = null;
  keysOf({});
  const isFirst = !document.body.dataset.view;
  const nav = { d: 'list', '': 'list' }[name] ?? name;
  for (const link of document.querySelectorAll('[data-nav]')) {
    if (link.dataset.nav === nav) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.body.dataset.view = name || 'list';
  try {
    const view = await open({ app, main, id, mode: name === 'review' ? 'review' : 'read', params: new URLSearchParams(search), isCurrent: () => mine === opening });
    if (mine !== opening) return view?.close?.();
    app.view = view;
    if (isFirst) return;
    // What had the focus may be gone with the view before.
    scrollTo(0, 0);
    if (document.activeElement === document.body) main.focus({ preventScroll: true });
  } catch (error) {
    if (error.status === 401) return regainAccess();
    if (mine === opening && error.status !== 0) showError(error);
    if (error.status === undefined) throw error;
  }
}

function showError(error) {
  const isMissing = error.status === 404;
  main.replaceChildren(messageView(t(isMissing ? 'notFoundTitle' : 'failedTitle'), isMissing ? t('notFound') : error.message));
}

function watch() {
  watchConnection(
    () => {
      notice('lost', 'bad', t('lost'), app.statusAt ? t('lostText', { time: clock(app.statusAt) }) : '', { words: t('tryNow'), run: tick });
      say('alarms', t('lost'));
    },
    () => { clearNotice('lost'); if (app.session && !app.view) route(); },
  );
  addEventListener('hashchange', route);
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : tick()));
  addEventListener('beforeunload', (event) => (app.uploads.isBusy || app.view?.isUnsaved?.()) && event.preventDefault());
  const drag = document.getElementById('dragging');
  const show = (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    drag.hidden = false;
    const [title, where] = drag.querySelectorAll('b, span');
    title.textContent = t('letGo', { n: event.dataTransfer.items.length });
    where.textContent = t('intoFolder', { folder: ['documents', ...app.uploads.folder.split('/').filter(Boolean)].join(' / ') });
  };
  addEventListener('dragenter', show);
  addEventListener('dragover', show);
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) drag.hidden = true; });
  addEventListener('drop', async (event) => {
    drag.hidden = true;
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    app.uploads.add(await droppedFiles(event.dataTransfer.items));
  });
  for (const id of ['files', 'folder']) {
    const field = document.getElementById(id);
    field.addEventListener('change', () => {
      app.uploads.add([...field.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      field.value = '';
    });
  }
}

function showFrame() {
  const { access } = app.session ?? {};
  frame.access.hidden = !access || access === 'open';
  fill(frame.access, icon('lock'), access === 'entra' ? app.session.user?.name : t('keyKept'));
  frame.access.title = access === 'key' ? t('forgetKey') : '';
  frame.language.value = document.documentElement.lang;
  frame.theme.replaceChildren(icon(isDark() ? 'sun' : 'moon'));
}

async function start() {
  showTheme();
  app.uploads = new Uploads(app);
  // What does not wait for each other is asked for at once: words, session, and the view's module.
  const asked = getJson('session').catch((error) => error);
  import(VIEWS[where().name] ?? VIEWS['']);
  await load(firstLanguage());
  translate(document);
  showFrame();
  watch();
  frame.language.addEventListener('change', async () => {
    remember({ language: frame.language.value });
    await load(frame.language.value);
    translate(document);
    showFrame();
    await route();
  });
  frame.theme.addEventListener('click', () => { remember({ theme: isDark() ? 'light' : 'dark' }); showTheme(); showFrame(); app.view?.onTheme?.(); });
  frame.keys.addEventListener('click', showKeys);
  frame.access.addEventListener('click', () => { if (app.session.access === 'key') { keepKey(null); regainAccess(); } });
  app.session = await openSession(asked);
  showFrame();
  await Promise.all([route(), tick()]);
}

document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
start();
