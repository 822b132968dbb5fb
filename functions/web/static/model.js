// The model: until when it answers, what was reviewed since it was trained, how good it is, and what trains the next one.
import { getJson } from './api.js';
import { acts, button, fill, h, icon, reopen, template } from './dom.js';
import { keysOf } from './keys.js';
import { copy } from './messages.js';
import { SOON_DAYS, day, daysUntil, lastDay, number, t } from './words.js';

export async function open({ app, main, isCurrent }) {
  let shown;
  try {
    shown = await getJson('model');
  } catch (error) {
    if (error.status === 0 || error.status === 401 || error.status === undefined) throw error;
    if (isCurrent()) refused(main, error);
    return null;
  }
  if (!isCurrent()) return null;
  const view = template('model-view');
  main.replaceChildren(view.root);
  document.title = `${t('model')} · Entity Drop`;
  acts(view.root, { copy: () => copy(shown.command) });
  draw(view, shown);
  keysOf({ Escape: () => app.go('#/'), R: () => app.go('#/review') });
  let told = app.status && facts(app.status);
  return { async onStatus(status) {
    const before = told;
    told = facts(status);
    if (!before || told === before) return;
    shown = await getJson('model');
    if (isCurrent()) draw(view, shown);
  } };
}

// What of the status says that there may be something new to tell.
const facts = ({ counts, models }) => JSON.stringify([counts.review, models]);

function refused(main, { status, message, problem }) {
  document.title = `${t('model')} · Entity Drop`;
  main.replaceChildren(h('div.view', h('div.card.empty', h('h1', t(status === 403 ? 'noRightTitle' : 'failedTitle')), h('p', message), h('p', problem.help ?? (status === 403 && t('noRight'))), button(t('tryNow'), reopen, { class: 'button' }))));
}

function draw(view, shown) {
  // Where settings name no model of one's own, there is nothing before the stroke.
  const isThere = !shown.model.startsWith('/');
  view.none.hidden = isThere;
  view.facts.hidden = !isThere;
  if (!isThere) return;
  warn(view, shown);
  numbers(view, shown);
  train(view, shown);
  quality(view, shown.quality);
}

function warn(view, { model, expires }) {
  const days = expires && daysUntil(expires);
  const words = days < 0 ? 'modelExpired' : 'modelExpires';
  fill(view.warning, expires && days < SOON_DAYS && h('div.notice.warn', icon('warning'), h('p', h('b', t(words, { model, n: days, day: lastDay(expires) })), ' ', t('modelExpiresHelp'))));
}

function numbers(view, { model, expires, trainedAt, reviewedSinceTraining: n, reviewedIsComplete, quality: measured }) {
  const days = expires && daysUntil(expires);
  const last = measured.at(-1);
  fill(view.numbers, [
    [t('currentModel'), h('bdi', model.split('/').map((part, n) => (n ? ['/', h('wbr'), part] : part))), trainedAt ? t('trainedOn', { day: day(trainedAt) }) : t('neverTrained'), 'named'],
    [t('expires'), !expires ? '–' : [days < SOON_DAYS && icon('warning'), days < 0 ? t('expired') : t('daysLeft', { n: days })], expires ? t('until', { day: lastDay(expires) }) : t('noExpiry'), `named ${days !== null && days < SOON_DAYS ? 'warn' : ''}`],
    [t('reviewedSince'), reviewedIsComplete === false ? t('atLeast', { n }) : number(n), n ? h('a', { href: '#/?reviewed=true' }, t('showReviewed')) : h('a', { href: '#/review' }, t('reviewSome'))],
    [t('quality'), last ? number(last.micro, 2) : '–', last ? t('measuredOn', { model: last.model, day: day(last.at) }) : t('noQuality')],
  ].map(([words, value, below, kind]) => h('section.card.number', h('h2', words), h('p.figure', { class: kind }, value), h('p.hint', below))));
}

function train(view, { reviewedSinceTraining: n, trainedAt, command }) {
  view.learn.textContent = n ? t('trainSome', { n }) : t(trainedAt ? 'trainNothingNew' : 'trainNothing');
  // It goes over to the next line between words only, not behind a hyphen.
  fill(view.command, command.split(' ').map((word, n) => [n > 0 && ' ', h('span', word)]));
}

// What is shown and what the change is counted from: two numbers that differ by 0.004 look alike.
const shownOf = (value) => Math.round(value * 100) / 100;
const f1 = (value) => (value === undefined ? '–' : number(shownOf(value), 2));

function change(before, now) {
  if (now === undefined) return t('noLonger');
  if (before === undefined) return t('isNew');
  const by = shownOf(now) - shownOf(before);
  return Math.abs(by) < 0.005 ? '±0' : `${by > 0 ? '+' : '−'}${number(Math.abs(by), 2)}`;
}

/** F1 of all and of each category: columns over time and the last two numbers; all numbers in a table below. */
function quality(view, measured) {
  view.noQuality.hidden = measured.length > 0;
  view.measured.hidden = !measured.length;
  const of = measured.map(({ categories }) => new Map(categories.map((one) => [one.category, one.f1])));
  const last = of.at(-1);
  const names = [...new Set(of.flatMap((one) => [...one.keys()]))].sort((a, b) => (last.get(a) ?? 2) - (last.get(b) ?? 2) || a.localeCompare(b));
  const lines = [[t('allCategories'), measured.map(({ micro }) => micro)], ...names.map((name) => [name, of.map((one) => one.get(name))])];
  fill(view.categories, lines.map(([name, values]) => {
    const [before, now] = [values.at(-2), values.at(-1)];
    return h('tr', h('th', { scope: 'row' }, h('bdi', name)), h('td', h('span.trend', { 'aria-hidden': 'true', '--n': values.length }, values.map((value) => h('i', { '--share': value ?? 0 })))),
      h('td.num.before', f1(before)), h('td.num', h('b', f1(now))), h('td.num', measured.length > 1 ? change(before, now) : '–'));
  }));
  view.all.textContent = t('allMeasurements', { n: measured.length });
  fill(view.heads, [t('measured'), t('model')].map((words) => h('th', { scope: 'col' }, words)), lines.map(([name]) => h('th.num', { scope: 'col' }, h('bdi', name))));
  fill(view.measurements, measured.map((one, n) => h('tr', h('th', { scope: 'row' }, day(one.at)), h('td', h('bdi', one.model)), lines.map(([, values]) => h('td.num', f1(values[n]))))).reverse());
}
