// A failed document: what happened, what to do, how it came about; the other failures at the left.
import { getJson, query } from './api.js';
import { acts, button, fileOf, fill, h, pathOf, reopen, shortName, template } from './dom.js';
import { badge, cause, replay, replayed, rowsOf } from './rows.js';
import { keysOf } from './keys.js';
import { copy } from './messages.js';
import { ago, bytes, clock, day, has, number, t } from './words.js';

const said = (kind, code, otherwise) => (has(`${kind}.${code}`) ? t(`${kind}.${code}`) : otherwise);

export async function open({ app, main, row }) {
  const { value: rows } = await getJson(`documents${query({ state: 'failed', limit: 100 })}`);
  const view = template('failed-view');
  main.replaceChildren(view.root);
  showOne(app, view, row);
  const counts = new Map();
  for (const { problem } of rows) if (problem) counts.set(problem.code, (counts.get(problem.code) ?? 0) + 1);
  const showOthers = (code) => {
    const all = code ? counts.get(code) : rows.length;
    view.count.textContent = number(app.status?.counts.failed ?? rows.length);
    const chip = (one, words) => button(words, () => showOthers(one), { class: 'small', 'aria-pressed': String(one === code) });
    fill(view.chips, chip(null, t('allN', { n: rows.length })), [...counts].map(([one, n]) => chip(one, `${said('cause', one, one)} ${number(n)}`)));
    view.replayAll.hidden = !all;
    view.replayAllWords.textContent = t('replayAll', { n: all });
    view.replayAll.onclick = () => replayed(app, 'replays', { state: 'failed', ...(code && { code }) }, ({ started }) => t('replayedMany', { n: started }));
    fill(view.others, rows.filter(({ problem }) => !code || problem?.code === code).map((other) => h('li', h('a', { href: `#/d/${other.id}`, 'aria-current': other.id === row.id && 'page', title: other.name },
      h('span.name', shortName(other.name)), h('span.hint', ago(other.changed)), h('span.bad', cause(other))))));
  };
  showOthers(null);
  const near = (direction) => {
    const next = rows[rows.findIndex(({ id }) => id === row.id) + direction];
    if (next) app.go(`#/d/${next.id}`);
  };
  keysOf({ ',': () => near(-1), '.': () => near(1), Escape: () => app.go('#/?state=failed') });
  return {
    async onStatus() {
      const [now] = await rowsOf([row.id]);
      if (now && (now.state !== row.state || now.etag !== row.etag) && app.view === this) reopen();
    },
  };
}

function showOne(app, view, row) {
  const { problem, job, serviceMessage, history, id, name } = row;
  const file = fileOf(name);
  view.path.textContent = pathOf(`${name}/`, 'documents').replace(/[^/]*$/, '');
  fill(view.title, h('bdi', { title: name }, file));
  view.title.classList.toggle('long', file.length > 160);
  fill(view.facts, badge(row), h('span', t('failedAt', { time: `${day(row.changed)}, ${clock(row.changed)}` })), h('span', bytes(row.size)));
  view.what.textContent = said('what', problem.code, said('cause', problem.code, t('couldNot')));
  view.why.textContent = problem.message;
  view.help.textContent = said('help', problem.code, problem.help);
  // What helps comes first, and is the filled button; the rest stays in its order.
  const canHelp = problem.canReplay && problem.fault !== 'document';
  view.replay.hidden = !problem.canReplay;
  (canHelp ? view.replay : view.anew).classList.add('filled');
  if (!canHelp) view.replay.before(view.anew);
  else view.anew.hidden = true;
  view.replayHint.textContent = problem.canReplay ? t(canHelp ? 'replayHelps' : 'replayMayNot') : '';
  view.wordsCard.hidden = !serviceMessage;
  view.words.textContent = serviceMessage ?? '';
  const number_ = job?.operationId ?? job?.id;
  fill(view.history, history.map(({ at, event, detail }) => h('li', h('time', { datetime: at }, clock(at, true)), h('span', h('b', said('event', event, event)), detail && `: ${detail}`))));
  const details = { code: h('code', problem.code), foundBy: t(`fault.${problem.fault}`), tries: job && number(job.submissions), lastJob: job && [h('code', number_), ' ', h('button.linklike', { 'data-do': 'copyJob' }, t('copy'))], resource: job?.resource,
    model: row.model, version: h('code', row.etag), language: row.language, report: h('button.linklike', { 'data-do': 'report' }, 'error.json') };
  fill(view.details, Object.entries(details).map(([what, value]) => value && [h('dt', t(what)), h('dd', value)]));
  acts(view.root, {
    replay: () => replay(app, row),
    anew: () => view.file.click(),
    download: () => app.download(`documents/${id}/content`, file),
    report: () => app.download(`documents/${id}/results/error.json`, `${file}.error.json`),
    copyWords: () => copy(serviceMessage),
    copyJob: () => copy(number_),
  });
  // Whatever the chosen file is called, it becomes the next version of this document.
  view.file.onchange = () => app.uploads.add([{ file: view.file.files[0], path: name }], { folder: '', replace: row.etag });
}
