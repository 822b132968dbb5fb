// Keys: by the character, not by the place on the keyboard. Views register what they do.
import { ask } from './messages.js';
import { template } from './dom.js';
import { preferences, remember } from './preferences.js';
import { t } from './words.js';

let view = {};
let mode = null;

/** The keys of the view that is open: {key: run}; upper case is with Shift. A run that returns false has not used it. */
export function keysOf(handlers) {
  view = handlers;
  mode = null;
}

/** While a mode lasts, its handler sees each key first and answers whether it used it. */
export function setMode(handler) {
  mode = handler;
}

const isTyping = (element) => element?.matches?.('input:not([type=checkbox], [type=radio], [type=range]), select, textarea');

function pressed(event) {
  if (event.isComposing || event.altKey || document.querySelector('dialog[open]')) return;
  const undo = event.key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey);
  if ((event.ctrlKey || event.metaKey) && !undo) return;
  if (isTyping(event.target)) {
    if (event.key === 'Escape' && !undo) event.target.blur();
    return;
  }
  if (mode?.(event)) return event.preventDefault();
  const isSingle = event.key.length === 1 && !undo;
  if (isSingle && !preferences.singleKeys) return;
  if (event.key === 'Enter' && event.target.closest('button, a, summary, [role=tab]')) return;
  if (event.key.startsWith('Arrow') && !event.target.closest('[data-arrows]')) return;
  const name = event.key.length === 1 ? (event.shiftKey && /^[a-z]$/i.test(event.key) ? `Shift ${event.key.toUpperCase()}` : event.key.toUpperCase()) : event.key;
  const run = name === '?' ? showKeys : name === '/' ? focusSearch : view[name] ?? (isSingle ? view.any : null);
  if (run && run(name) !== false) event.preventDefault();
}

function focusSearch() {
  const field = [...document.querySelectorAll('main input[type=search]')].find((input) => input.offsetParent);
  field?.focus();
  return Boolean(field);
}

export function showKeys() {
  const { root, single } = template('keys');
  single.checked = preferences.singleKeys;
  single.onchange = () => remember({ singleKeys: single.checked });
  ask(t('keys'), root, [{ words: t('close'), value: true, safe: true }], 'wide');
}

addEventListener('keydown', pressed);
