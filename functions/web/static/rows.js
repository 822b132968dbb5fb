// What several views say of a document: its state, why it failed, that it is worked on again.
import { post } from './api.js';
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
  return h('span', { class: `badge s-${state}` }, icon(state), h('span', {}, brief ? h('b', {}, words) : words, brief && h('span', { class: 'brief' }, brief)));
}

/** What a failed document says in few words: of its code, else the first sentence of its message. */
export function cause({ problem: { code, message }, size }) {
  if (!has(`cause.${code}`)) return message.split(/(?<=[.:])\s/)[0];
  return code === 'TooLarge' ? `${t('cause.TooLarge')}: ${bytes(size)}` : t(`cause.${code}`);
}

/** Have a failed document worked on again. */
export async function replay(app, row) {
  try {
    await post(`documents/${row.id}/replay`);
    toast(t('replayed', { name: fileOf(row.name) }), { icon: 'replay' });
    await app.refresh();
  } catch (error) {
    failed(error);
  }
}
