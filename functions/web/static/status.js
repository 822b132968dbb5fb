// How the app is doing: numbers, throughput, failures by cause, budgets, models.
import { getJson, query } from './api.js';
import { button, h, icon, saveAs, svg, template } from './dom.js';
import { keysOf } from './keys.js';
import { copy } from './messages.js';
import { clock, day, duration, number, shortDay, t } from './words.js';

const RANGES = { day1: 24, day7: 168, day30: 720 };
const HOUR_MS = 3_600_000;

export async function open({ app, main, isCurrent }) {
  const [status, model] = await Promise.all([app.status ?? getJson('status'), getJson('model').catch(() => null)]);
  if (!isCurrent()) return null;
  const view = template('status-view');
  main.replaceChildren(view.root);
  document.title = `${t('status')} · Entity Drop`;
  const shown = { status, range: 'day1' };
  const draw = () => {
    numbers(view, shown.status);
    view.ranges.replaceChildren(...Object.keys(RANGES).map((name) => button(t(name), () => { shown.range = name; draw(); }, { class: 'small', 'aria-pressed': String(name === shown.range) })));
    chart(view.chart, shown.status.hours, RANGES[shown.range]);
  };
  view.csv.onclick = () => saveAs(new Blob([csv(shown.status.hours)], { type: 'text/csv' }), 'usage.csv');
  if (model) training(view.training, model);
  draw();
  keysOf({ Escape: () => app.go('#/'), R: () => app.go('#/review') });
  return { onStatus(next) {
    if (view.root.matches(':focus-within') && JSON.stringify(next.failures) === JSON.stringify(shown.status.failures)) numbersOnly(view, next);
    else { shown.status = next; draw(); }
    shown.status = next;
  } };
}

function numbersOnly(view, status) {
  view.live.textContent = t('live');
  const { counts, perMinute, oldestUnfinished, dropToResult: time, daily, hours } = status;
  const records = hours.filter(({ hour }) => Date.now() - new Date(hour) < 30 * 24 * HOUR_MS).reduce((sum, { textRecords }) => sum + textRecords, 0);
  const one = (words, value, below) => h('section', { class: 'card number' }, h('h2', {}, words), h('p', { class: 'figure' }, value), h('p', { class: 'hint' }, below));
  view.numbers.replaceChildren(
    one(t('documentsAMinute'), perMinute === null ? '–' : number(perMinute), t('nDone', { n: counts.done })),
    one(t('oldest'), oldestUnfinished ? duration((Date.now() - new Date(oldestUnfinished)) / 1000) : '–', t('underWay', { n: counts.waiting + counts.running + counts.deferred })),
    one(t('dropToResult'), time ? `${number(time.median, 1)} s` : '–', time ? t('typical', { value: number(time.p95, time.p95 % 1 ? 1 : 0) }) : t('noDataYet')),
    daily ? one(t('recordsToday'), number(daily.used), t('ofLimit', { n: daily.limit })) : one(t('records30'), number(records), t('noLimit')));
}

function numbers(view, status) {
  numbersOnly(view, status);
  view.warnings.replaceChildren(...status.warnings.map(({ message, help }) => h('div', { class: 'notice warn' }, icon('warning'), h('p', {}, h('b', {}, message), ' ', help ?? ''))));
  const most = Math.max(1, ...status.failures.map(({ count }) => count));
  view.failures.replaceChildren(status.failures.length ? h('table', { class: 'causes' }, h('caption', { class: 'sr' }, t('failuresByCause')), h('tbody', {}, status.failures.map(({ code, title, count }) =>
    h('tr', {}, h('th', { scope: 'row' }, title, h('code', {}, code)), h('td', { class: 'bar' }, bar(count / most, 'bad')), h('td', { class: 'num' }, h('b', {}, number(count))), h('td', {}, h('a', { href: `#/${query({ state: 'failed', code })}`, 'aria-label': t('showFailures', { title }) }, t('show'))))))) : h('p', { class: 'empty' }, t('nothingFailed')));
  const state = ({ throttledUntil, state: now, detail }) => {
    const wait = throttledUntil ? (new Date(throttledUntil) - Date.now()) / 1000 : 0;
    if (wait > 0) return h('span', { class: 'badge s-deferred' }, icon('deferred'), t('deferredFor', { time: duration(wait, true) }));
    const name = { healthy: 'done', failing: 'failed', misconfigured: 'warning' }[now] ?? 'waiting';
    return h('span', { class: `badge s-${name}`, title: detail ?? '' }, icon(name), t(`resource.${now}`), detail && now !== 'healthy' ? h('span', { class: 'hint' }, detail) : '');
  };
  view.budget.replaceChildren(h('table', { class: 'budget' }, h('thead', {}, h('tr', {}, ['resource', 'now', 'used', 'limit', 'state'].map((name) => h('th', { scope: 'col', class: ['used', 'limit'].includes(name) ? 'num' : '' }, t(name))))),
    h('tbody', {}, status.resources.map((one) => h('tr', {}, h('th', { scope: 'row' }, one.name), h('td', { class: 'bar' }, bar(one.requestsInUse / one.requestsPerMinute)), h('td', { class: 'num' }, number(one.requestsInUse)), h('td', { class: 'num' }, number(one.requestsPerMinute)), h('td', {}, state(one)))))));
  view.models.replaceChildren(...status.models.map(({ model, expires }) => {
    const days = expires && Math.floor((new Date(expires) - Date.now()) / 86_400_000);
    const isSoon = days !== null && days < 60;
    return h('div', { class: 'model' }, h('b', {}, model), h('span', { class: isSoon ? 'warn' : 'hint' }, isSoon && icon('warning'), days === null ? t('noExpiry') : t('daysLeft', { n: days })), expires && bar(1 - Math.min(1, days / 545), isSoon ? 'warn' : ''), expires && h('span', { class: 'hint' }, t('until', { day: day(expires) })));
  }));
}

function bar(share, kind = '') {
  const fill = h('i');
  fill.style.width = `${Math.round(100 * Math.min(1, share))}%`;
  return h('span', { class: `bar ${kind}`, 'aria-hidden': 'true' }, fill);
}

/** Done and failed by the hour (or by six hours), with the time deferred hatched, and a table for screen readers. */
function chart(host, hours, wanted) {
  const per = Math.max(1, wanted / 60 > 4 ? 12 : wanted > 24 ? 4 : 1);
  const end = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const columns = Array.from({ length: Math.ceil(wanted / per) }, () => ({ done: 0, failed: 0, deferredMinutes: 0 }));
  for (const hour of hours) {
    const column = columns[columns.length - 1 - Math.floor((end - new Date(hour.hour)) / HOUR_MS / per)];
    if (column) for (const name of Object.keys(column)) column[name] += hour[name];
  }
  if (!hours.length) return host.replaceChildren(h('p', { class: 'empty' }, t('noDataYet')));
  const top = Math.max(1, ...columns.map(({ done, failed }) => done + failed));
  const unit = 10 ** Math.floor(Math.log10(top));
  const step = [1, 2, 5].map((n) => (n * unit) / 2).find((n) => top / n <= 4) ?? unit * 5;
  const most = Math.max(1, Math.ceil(top / step)) * step;
  const [width, height, left] = [760, 220, 48];
  const wide = (width - left) / columns.length;
  const y = (value) => 10 + height - (height * value) / most;
  const lines = Array.from({ length: Math.round(most / step) + 1 }, (_, n) => n * step);
  const start = end - (columns.length - 1) * per * HOUR_MS;
  const label = wanted === 24 ? clock : shortDay;
  const rect = (cls, x, top_, w, high) => svg('rect', { class: cls, x, y: top_, width: Math.max(1, w), height: Math.max(0, high), rx: 1 });
  const marks = columns.flatMap(({ done, failed, deferredMinutes }, n) => {
    const x = left + n * wide;
    return [deferredMinutes && rect('hatched', x, 10, wide, height * 1), rect('done', x + wide * 0.15, y(done), wide * 0.7, height + 10 - y(done)), failed && rect('failed', x + wide * 0.15, y(done + failed) - 1, wide * 0.7, Math.max(3, y(done) - y(done + failed)))].filter(Boolean);
  });
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${height + 36}`, class: 'chart', 'aria-hidden': 'true' },
    svg('defs', {}, svg('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, svg('rect', { width: 2, height: 6, class: 'hatch' }))),
    ...lines.flatMap((value) => [svg('line', { x1: left, x2: width, y1: y(value), y2: y(value) }), svg('text', { x: left - 8, y: y(value) + 4, 'text-anchor': 'end' }, number(value, value % 1 ? 1 : 0))]), ...marks,
    ...[0, 1, 2, 3].map((n) => svg('text', { x: left + (n * (width - left)) / 4, y: height + 30 }, label(start + (n * (columns.length - 1) * per * HOUR_MS) / 4))), svg('text', { x: width, y: height + 30, 'text-anchor': 'end' }, t('now').toLowerCase()));
  host.replaceChildren(drawing, h('div', { class: 'sr' }, h('table', {}, h('caption', {}, t('throughput')), h('thead', {}, h('tr', {}, ['hour', 'done', 'failed', 'deferredTime'].map((name) => h('th', { scope: 'col' }, t(name))))),
    h('tbody', {}, hours.slice(-24).map((hour) => h('tr', {}, h('th', { scope: 'row' }, `${shortDay(hour.hour)} ${clock(hour.hour)}`), [hour.done, hour.failed, hour.deferredMinutes].map((value) => h('td', {}, number(value)))))))));
  return host;
}

const csv = (hours) => `hour,done,failed,textRecords,deferredMinutes\n${hours.map(({ hour, done, failed, textRecords, deferredMinutes }) => [hour, done, failed, textRecords, deferredMinutes].join(',')).join('\n')}\n`;

function training(host, { reviewedSinceTraining, quality, command, mayTrain }) {
  const last = quality.at(-1);
  host.replaceChildren(h('div', { class: 'model' }, h('b', {}, t('reviewedSince', { n: reviewedSinceTraining })), h('span', { class: 'hint' }, last ? t('quality', { value: number(last.micro, 2), model: last.model }) : t('noQuality'))),
    mayTrain ? h('p', { class: 'command' }, h('code', {}, command), button(t('copy'), () => copy(command), { class: 'small' })) : '');
}
