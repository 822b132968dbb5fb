// How the app is doing: numbers, throughput, failures by cause, budgets, models.
import { getJson, query } from './api.js';
import { acts, button, h, icon, refill, saveAs, template } from './dom.js';
import { keysOf } from './keys.js';
import { mark } from './rows.js';
import { SOON_DAYS, clock, daysUntil, duration, lastDay, number, secondsUntil, shortDay, t } from './words.js';

const RANGES = { day1: 24, day7: 168, day30: 720 };
const HOUR_MS = 3_600_000;
const HOUR = ['hour', 'done', 'failed', 'textRecords', 'deferredMinutes'];
const LIFE_DAYS = 545;

export async function open({ app, main, isCurrent }) {
  const status = app.status ?? await getJson('status');
  if (!isCurrent()) return null;
  const view = template('status-view');
  main.replaceChildren(view.root);
  document.title = `${t('status')} · Entity Drop`;
  let shown = status;
  let range = 'day1';
  const draw = () => {
    parts(view, shown);
    refill(view.ranges, Object.keys(RANGES).map((name) => button(t(name), () => { range = name; draw(); }, { class: 'small', 'aria-pressed': String(name === range) })));
    chart(view, shown.hours, RANGES[range]);
  };
  acts(view.root, {
    csv: () => saveAs(new Blob([[HOUR, ...shown.hours.map((hour) => HOUR.map((name) => hour[name]))].map((line) => `${line}\n`).join('')], { type: 'text/csv' }), 'usage.csv'),
  });
  numbers(view, shown);
  draw();
  keysOf({ Escape: () => app.go('#/'), R: () => app.go('#/review') });
  return { onStatus(next) {
    const isSame = JSON.stringify(next.failures) === JSON.stringify(shown.failures);
    shown = next;
    numbers(view, next);
    if (!isSame || !view.root.matches(':focus-within')) draw();
  } };
}

function numbers(view, { counts, perMinute, oldestUnfinished, dropToResult: time, daily, hours }) {
  const records = hours.filter(({ hour }) => secondsUntil(hour) > -30 * 86_400).reduce((sum, { textRecords }) => sum + textRecords, 0);
  refill(view.numbers, [
    [t('documentsAMinute'), perMinute === null ? '–' : number(perMinute), t('nDone', { n: counts.done })],
    [t('oldest'), oldestUnfinished ? duration(-secondsUntil(oldestUnfinished)) : '–', t('underWay', { n: counts.waiting + counts.running + counts.deferred })],
    [t('dropToResult'), time ? `${number(time.median, 1)} s` : '–', time ? t('typical', { value: number(time.p95, time.p95 % 1 ? 1 : 0) }) : t('noDataYet')],
    daily ? [t('recordsToday'), number(daily.used), t('ofLimit', { n: daily.limit })] : [t('records30'), number(records), t('noLimit')],
  ].map(([words, value, below]) => h('section.card.number', h('h2', words), h('p.figure', value), h('p.hint', below))));
}

const bar = (share, kind) => h('span.bar', { class: kind, 'aria-hidden': 'true', '--share': Math.min(1, share) }, h('i'));

function parts(view, { warnings, failures, resources, models }) {
  refill(view.warnings, warnings.map(({ message, help }) => h('div.notice.warn', icon('warning'), h('p', h('b', message), ' ', help))));
  const most = Math.max(1, ...failures.map(({ count }) => count));
  view.causes.hidden = !failures.length;
  view.noFailures.hidden = failures.length > 0;
  refill(view.failures, failures.map(({ code, title, count }) => h('tr', h('th', { scope: 'row' }, title, h('code', code)), h('td.bar', bar(count / most, 'bad')), h('td.num', h('b', number(count))), h('td', h('a', { href: `#/${query({ state: 'failed', code })}`, 'aria-label': t('showFailures', { title }) }, t('show'))))));
  refill(view.budget, resources.map((one) => h('tr', h('th', { scope: 'row' }, one.name), h('td.bar', bar(one.requestsInUse / one.requestsPerMinute)), h('td.num', number(one.requestsInUse)), h('td.num', number(one.requestsPerMinute)), h('td', stateOf(one)))));
  refill(view.models, models.map(({ model, expires }) => {
    const days = expires ? daysUntil(expires) : null;
    const isSoon = days !== null && days < SOON_DAYS;
    return h('div.model', h('b', model), h('span', { class: isSoon ? 'warn' : 'hint' }, isSoon && icon('warning'), days === null ? t('noExpiry') : t('daysLeft', { n: days })), expires && [bar(1 - days / LIFE_DAYS, isSoon ? 'warn' : ''), h('span.hint', t('until', { day: lastDay(expires) }))]);
  }));
}

function stateOf({ throttledUntil, state, detail }) {
  const wait = throttledUntil ? secondsUntil(throttledUntil) : 0;
  if (wait > 0) return mark('deferred', t('deferredFor', { time: duration(wait, true) }));
  return mark({ healthy: 'done', failing: 'failed', misconfigured: 'warning' }[state] ?? 'waiting', t(`resource.${state}`), state !== 'healthy' && h('span.hint', detail));
}

/** Done and failed by the hour (or by several), with the time deferred hatched; a table for screen readers. */
function chart(view, hours, wanted) {
  view.noData.hidden = hours.length > 0;
  view.chart.hidden = !hours.length;
  const per = { 24: 1, 168: 4, 720: 12 }[wanted];
  const end = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const columns = Array.from({ length: wanted / per }, () => ({ done: 0, failed: 0, deferredMinutes: 0 }));
  for (const hour of hours) {
    const column = columns.at(-1 - Math.floor((end - new Date(hour.hour)) / HOUR_MS / per));
    if (column && end - new Date(hour.hour) < wanted * HOUR_MS) for (const name of Object.keys(column)) column[name] += hour[name];
  }
  const top = Math.max(1, ...columns.map(({ done, failed }) => done + failed));
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(top / 4)));
  const step = [unit, unit * 2, unit * 5].find((size) => top / size <= 4) ?? unit * 10;
  const most = Math.ceil(top / step) * step;
  refill(view.scale, Array.from({ length: most / step + 1 }, (_, n) => h('span', { '--share': (n * step) / most }, number(n * step))));
  refill(view.columns, columns.map(({ done, failed, deferredMinutes }) => h('i', { class: deferredMinutes ? 'hatched' : null, '--done': done / most, '--failed': failed / most })));
  const label = wanted === 24 ? clock : shortDay;
  refill(view.times, [1, 0.75, 0.5, 0.25].map((share) => h('span', label(end - share * (wanted - per) * HOUR_MS))), h('span', t('now').toLowerCase()));
  refill(view.hours, hours.slice(-24).map(({ hour, done, failed, deferredMinutes }) => h('tr', h('th', { scope: 'row' }, `${shortDay(hour)} ${clock(hour)}`), [done, failed, deferredMinutes].map((value) => h('td', number(value))))));
}
