// What several views say of a document: its state, why it failed, its categories, that it is worked on again.
import { getJson, post, query } from './api.js';
import { fileOf, h, icon } from './dom.js';
import { failed, toast } from './messages.js';
import { bytes, has, t } from './words.js';

/** The state that a row shows: its state, or more closely what became of it. */
export function shown(row) {
  if (row.state !== 'done') return row.state;
  if (row.review && !row.reviewed) return 'review';
  return row.reviewed ? 'reviewed' : row.warnings ? 'warning' : 'done';
}

/** The state as an icon and words; `brief`: what a narrow screen says after them. */
export function badge(row, brief) {
  const state = shown(row);
  const words = state === 'warning' ? t('doneWarnings', { n: row.warnings }) : state === 'done' && row.entityCount === 0 ? t('doneEmpty') : t(`state.${state}`);
  return mark(state, brief ? h('b', words) : words, brief && h('span.brief', brief));
}

/** A state's icon and words. */
export const mark = (state, ...words) => h(`span.badge.s-${state}`, icon(state), h('span', ...words));

/** A category's name with its line. */
export const categoryName = (categories, name) => h(`span.cat.c${categories.colour(name)}`, name);

/** What a failed document says in few words: of its code, else the first sentence of its message. */
export function cause({ problem, size }) {
  if (!problem) return '';
  const words = `cause.${problem.code}`;
  if (!has(words)) return problem.message.split(/(?<=[.:])\s/)[0];
  return problem.code === 'TooLarge' ? `${t(words)}: ${bytes(size)}` : t(words);
}

/** The rows of these documents as they are now. */
export const rowsOf = async (ids) => (ids.length ? (await getJson(`documents${query({ ids: ids.join(',') })}`)).value : []);

/** Have a failed document worked on again. */
export const replay = (app, row) => replayed(app, `documents/${row.id}/replay`, {}, () => t('replayed', { name: fileOf(row.name) }));

/** Have a request for replays made, and say what it began. */
export async function replayed(app, path, body, said) {
  try {
    toast(said(await post(path, body)), { icon: 'replay' });
    await app.refresh();
  } catch (error) {
    failed(error);
  }
}
