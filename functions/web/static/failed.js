// A failed document: what happened, what to do, how it came about; the other failures at the left.
import { getJson, post, query } from './api.js';
import { button, fileOf, folderOf, h, icon, shortName, template } from './dom.js';
import { badge, cause, replay } from './rows.js';
import { keysOf } from './keys.js';
import { copy, failed, toast } from './messages.js';
import { ago, bytes, clock, day, has, number, t } from './words.js';

export async function open({ app, main, row }) {
  const page = await getJson(`documents${query({ state: 'failed', limit: 100 })}`);
  const view = template('failed-view');
  main.replaceChildren(view.root);
  showOne(app, view, row);
  const counts = new Map();
  for (const { problem } of page.value) if (problem) counts.set(problem.code, (counts.get(problem.code) ?? 0) + 1);
  let code = null;
  const showOthers = () => {
    const rows = page.value.filter(({ problem }) => !code || problem?.code === code);
    const all = code ? counts.get(code) : page.value.length;
    view.count.textContent = number(app.status?.counts.failed ?? page.value.length);
    view.chips.replaceChildren(...[[null, t('allN', { n: page.value.length })], ...[...counts].map(([one, n]) => [one, `${title(one)} ${number(n)}`])].map(([one, words]) =>
      button(words, () => { code = one; showOthers(); }, { class: 'small', 'aria-pressed': String(one === code) })));
    view.replayAll.hidden = !all;
    view.replayAll.replaceChildren(icon('replay'), h('span', {}, t('replayAll', { n: all })));
    view.replayAll.onclick = () => replayMany(app, code);
    view.others.replaceChildren(...rows.map((other) => h('li', {}, h('a', { href: `#/d/${other.id}`, 'aria-current': other.id === row.id ? 'page' : null, title: other.name },
      h('span', { class: 'name' }, shortName(other.name)), h('span', { class: 'hint' }, ago(other.changed)), h('span', { class: 'bad' }, other.problem ? cause(other) : '')))));
  };
  showOthers();
  const near = (direction) => {
    const next = page.value[page.value.findIndex(({ id }) => id === row.id) + direction];
    if (next) app.go(`#/d/${next.id}`);
  };
  keysOf({ ',': () => near(-1), '.': () => near(1), Escape: () => app.go('#/?state=failed') });
  return {
    async onStatus() {
      const [now] = (await getJson(`documents${query({ ids: row.id })}`)).value;
      if (now && (now.state !== row.state || now.etag !== row.etag) && app.view === this) dispatchEvent(new HashChangeEvent('hashchange'));
    },
  };
}

const title = (code) => (has(`cause.${code}`) ? t(`cause.${code}`) : code);

async function replayMany(app, code) {
  try {
    const { started } = await post('replays', { state: 'failed', ...(code && { code }) });
    toast(t('replayedMany', { n: started }), { icon: 'replay' });
    await app.refresh();
  } catch (error) {
    failed(error);
  }
}

function showOne(app, view, row) {
  const { problem } = row;
  const file = fileOf(row.name);
  view.path.append(h('bdi', {}, ['documents', ...folderOf(row.name).split('/').filter(Boolean), ''].join(' / ')));
  view.title.append(h('bdi', { title: row.name }, file));
  view.title.classList.toggle('long', file.length > 160);
  view.facts.append(badge(row), h('span', {}, t('failedAt', { time: `${day(row.changed)}, ${clock(row.changed)}` })), h('span', {}, bytes(row.size)));
  view.what.textContent = has(`what.${problem.code}`) ? t(`what.${problem.code}`) : title(problem.code) === problem.code ? t('couldNot') : title(problem.code);
  view.why.textContent = problem.message;
  view.help.textContent = has(`help.${problem.code}`) ? t(`help.${problem.code}`) : problem.help;
  const canHelp = problem.canReplay && problem.fault !== 'document';
  const again = button(t('replay'), () => replay(app, row), { icon: 'replay', class: canHelp ? 'filled large' : 'large' });
  // Whatever the chosen file is called, it becomes the next version of this document.
  const chosen = h('input', { type: 'file', onchange: () => app.uploads.add([{ file: chosen.files[0], path: row.name }], { folder: '', replace: row.etag }) });
  const anew = button(t('dropNew'), () => chosen.click(), { icon: 'up', class: canHelp ? 'large' : 'filled large' });
  view.buttons.append(...(canHelp ? [again] : problem.canReplay ? [anew, again] : [anew]), button(t('downloadFile'), () => app.download(`documents/${row.id}/content`, file).catch(failed), { icon: 'download', class: 'large' }));
  view.replayHint.textContent = problem.canReplay ? t(canHelp ? 'replayHelps' : 'replayMayNot') : '';
  view.wordsCard.hidden = !row.serviceMessage;
  view.words.textContent = row.serviceMessage ?? '';
  view.copyWords.onclick = () => copy(row.serviceMessage);
  view.history.append(...row.history.map(({ at, event, detail }, n) => h('li', { class: n === row.history.length - 1 ? 'last' : '' }, h('time', { datetime: at }, clock(at, true)), h('span', {}, h('b', {}, has(`event.${event}`) ? t(`event.${event}`) : event), detail ? `: ${detail}` : ''))));
  const code = (value) => h('code', {}, value);
  const details = [['code', code(problem.code)], ['foundBy', t(`fault.${problem.fault}`)], row.job && ['tries', number(row.job.submissions)], row.job && ['lastJob', [code(row.job.operationId ?? row.job.id), ' ', button(t('copy'), () => copy(row.job.operationId ?? row.job.id), { class: 'linklike' })]],
    row.job?.resource && ['resource', row.job.resource], row.model && ['model', row.model], ['version', code(row.etag)], row.language && ['language', row.language], ['report', button('error.json', () => app.download(`documents/${row.id}/results/error.json`, `${file}.error.json`).catch(failed), { class: 'linklike' })]];
  view.details.append(...details.filter(Boolean).flatMap(([name, value]) => [h('dt', {}, t(name)), h('dd', {}, value)]));
}
