// What the page tells: toasts for what the person did, notices for what the world did, dialogs where an answer is needed.
import { button, fill, h, icon } from './dom.js';
import { t } from './words.js';

const at = (id) => document.getElementById(id);
const spoken = {};

/** Have a screen reader say it: `sums` at most every 5 s, `decisions`, or `alarms` at once. */
export function say(region, words) {
  const now = Date.now();
  if (region === 'sums' && now - (spoken.sums ?? 0) < 5000) return;
  spoken[region] = now;
  at(region).textContent = words;
}

let timer;
/** Show one message for 8 s, longer while it has focus or pointer; `action`: {words, key, run}. */
export function toast(words, { icon: name = 'check', action, stays } = {}) {
  const box = at('toast');
  const hide = () => {
    if (box.matches(':hover, :focus-within')) timer = setTimeout(hide, 1000);
    else box.hidden = true;
  };
  clearTimeout(timer);
  fill(box, icon(name), h('span', words), action && button(action.words, () => { box.hidden = true; action.run(); }, { key: action.key }));
  box.hidden = false;
  if (!stays) timer = setTimeout(hide, 8000);
}

export const hideToast = () => { at('toast').hidden = true; };

/** Show a notice until `clearNotice(id)`; `action`: {words, run}. */
export function notice(id, kind, title, words, action) {
  clearNotice(id);
  const name = { bad: 'failed', warn: 'deferred', plain: 'waiting' }[kind];
  at('notices').append(h(`div.notice.${kind}`, { id: `notice-${id}`, role: 'status' }, icon(name), h('p', h('b', title), ' ', words), action && button(action.words, action.run)));
}

export const clearNotice = (id) => at(`notice-${id}`)?.remove();

/**
 * Ask something in a dialog. `choices`: [{words, value, filled, safe, key}]; the safe one, or the first field, has the
 * focus, and Enter chooses the filled one. Answers the value chosen, or null where the dialog was left. A value that is
 * a function is called with the fields (FormData); while it answers undefined, the dialog stays.
 */
export function ask(title, content, choices, kind = '') {
  return new Promise((resolve) => {
    let answer = null;
    const choose = ({ value }) => {
      const result = typeof value === 'function' ? value(new FormData(form)) : value;
      if (result === undefined) return;
      answer = result;
      dialog.close();
    };
    const form = h('form', { onsubmit: (event) => { event.preventDefault(); choose(choices.find((choice) => choice?.filled)); } },
      h('h2', { id: 'dialog-title' }, title), content,
      h('p.buttons', choices.map((choice) => choice && button(choice.words, choice.filled ? null : () => choose(choice), { key: choice.key, ...(choice.filled && { type: 'submit', class: 'filled' }), autofocus: choice.safe }))));
    const dialog = h('dialog', { class: kind, 'aria-labelledby': 'dialog-title', onclose: () => { dialog.remove(); resolve(answer); } }, form);
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Copy to the clipboard and say so. */
export async function copy(text, said = t('copied')) {
  await navigator.clipboard.writeText(text);
  toast(said, { icon: 'link' });
}

/** Tell of an error that nothing else tells of; that the app does not answer has its notice. */
export function failed(error) {
  if (error.status !== 0) toast(error.problem?.detail || error.message, { icon: 'failed' });
}
