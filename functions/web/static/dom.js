// Makes elements. Text goes into the page as text only; nothing here parses markup.
import { t } from './words.js';

const children = (parts) => parts.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false && one !== '');

/**
 * An element: `h('td.num', { title: 'x' }, 'text')`. Attributes may be left out; `onclick` is a listener, `--x` a custom
 * property. Children are nodes, strings, lists of them; null and false are nothing.
 */
export function h(what, attributes, ...rest) {
  const [name, ...classes] = what.split('.');
  const element = document.createElement(name);
  const given = attributes?.constructor === Object;
  for (const [key, value] of Object.entries(given ? attributes : {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key.startsWith('--')) element.style.setProperty(key, value);
    else if (key === 'value' || key === 'checked') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  if (classes.length) element.classList.add(...classes);
  element.append(...children(given ? rest : [attributes, ...rest]));
  return element;
}

/** Give an element these children instead of those it has. */
export const fill = (element, ...parts) => element.replaceChildren(...children(parts));

/**
 * Like fill, for what is drawn again and again: what looks as before stays in the page, with its listeners, the focus
 * and the clicks that have begun on it.
 */
export const refill = (element, ...parts) => become(element, children(parts));

function become(element, wanted) {
  const ids = new Set(wanted.map((one) => one.dataset?.id));
  for (const old of [...element.children]) if (!ids.has(old.dataset.id)) old.remove();
  const known = new Map([...element.children].map((old) => [old.dataset.id, old]));
  for (const [n, one] of wanted.entries()) {
    const node = one.nodeType ? one : document.createTextNode(one);
    const { id } = node.dataset ?? {};
    let old = element.childNodes[n];
    if (id && old?.dataset?.id !== id) {
      old = element.insertBefore(known.get(id) ?? node, old ?? null);
      if (old === node) continue;
    }
    if (!old) element.append(node);
    else if (old.nodeType !== 1 || old.nodeName !== node.nodeName) {
      if (!old.isEqualNode(node)) old.replaceWith(node);
    } else {
      // Whether a menu is open is not the drawing's to say.
      for (const { name } of [...old.attributes]) if (name !== 'open' && !node.hasAttribute(name)) old.removeAttribute(name);
      for (const { name, value } of node.attributes) {
        if (old.getAttribute(name) === value) continue;
        // The page's policy refuses a style that is set as an attribute.
        if (name === 'style') old.style.cssText = value;
        else old.setAttribute(name, value);
      }
      become(old, [...node.childNodes]);
    }
  }
  while (element.childNodes.length > wanted.length) element.lastChild.remove();
}

/** A copy of a template of index.html: its root, and the elements that have a `data-ref`, by that. */
export function template(id) {
  const root = document.getElementById(id).content.firstElementChild.cloneNode(true);
  return { root, ...refs(root) };
}

export const refs = (root) => Object.fromEntries([...root.querySelectorAll('[data-ref]')].map((element) => [element.dataset.ref, element]));

export function icon(name) {
  const { root } = template('icon');
  root.classList.add(`i-${name}`);
  root.firstElementChild.setAttribute('href', `static/icons.svg#${name}`);
  return root;
}

/** Write words, icons and keys into everything in `root` that names them, and into the templates of the page. */
export function translate(root) {
  const each = (name, write) => { for (const element of root.querySelectorAll(`[data-${name}]`)) write(element, element.dataset[name]); };
  each('t', (element, key) => { element.textContent = t(key); });
  each('hint', (element, key) => { element.placeholder = t(key); });
  each('label', (element, key) => {
    element.ariaLabel = t(key);
    if (element.matches('button, a, summary')) element.title = t(key);
  });
  each('icon', (element, name) => element.querySelector(':scope > .icon') ?? element.prepend(icon(name)));
  each('key', (element, key) => element.querySelector(':scope > kbd') ?? element.append(h('kbd', key)));
  for (const { content } of root.querySelectorAll('template')) translate(content);
}

/** Have the elements in `root` that have a `data-do` run what is named so: `{name: (element, event) => …}`. */
export function acts(root, handlers) {
  root.addEventListener('click', (event) => {
    const element = event.target.closest('[data-do]');
    if (element) handlers[element.dataset.do]?.(element, event);
  });
}

export const button = (words, onclick, { icon: name, key, ...attributes } = {}) =>
  h('button', { type: 'button', onclick, ...attributes }, name && icon(name), words && h('span', words), key && h('kbd', key));

// A menu closes when something in it is chosen, when focus or pointer go elsewhere, and by Esc.
const close = (event, leaves) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (leaves || !menu.contains(event.target) || event.target.closest('.pop > *')) menu.open = false;
};
addEventListener('click', close);
addEventListener('focusin', (event) => event.target.closest('.pop') || close(event));
addEventListener('keydown', (event) => {
  const menu = document.querySelector('details.menu[open]');
  if (event.key !== 'Escape' || !menu) return;
  event.stopImmediatePropagation();
  close(event, true);
  menu.querySelector('summary').focus();
}, true);

/** Save what the app answers as a file. A link would not carry the access key. */
export function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Open what the address asks for anew. */
export const reopen = () => dispatchEvent(new HashChangeEvent('hashchange'));

/** A view that has nothing but a message, and a way on. */
export const messageView = (title, words, { href = '#/', filled } = {}) =>
  h('div.view', h('div.card.empty', h('h1.long', title), h('p', words), h('a', { class: `button${filled ? ' filled' : ''}`, href }, t('toDocuments'))));

const segments = new Intl.Segmenter('en');

/** A document's name on one line: cut in the middle where it does not fit, the extension always at its end. */
export function shortName(name) {
  const file = fileOf(name);
  const dot = file.lastIndexOf('.');
  const stem = dot > 0 && file.length - dot < 8 ? file.slice(0, dot) : file;
  const parts = [...segments.segment(stem.length > 24 ? stem.slice(-40) : '')].map((part) => part.segment);
  const tail = parts.slice(-10).join('');
  return [
    h('bdi.stem', { dir: 'auto' }, h('span.head', stem.slice(0, stem.length - tail.length)), tail && h('span', tail)),
    h('span.ext', file.slice(stem.length)),
  ];
}

export const folderOf = (name) => name.slice(0, name.lastIndexOf('/') + 1);
export const fileOf = (name) => name.slice(name.lastIndexOf('/') + 1);
/** The folders of a name as a path, below `top` if there is one. */
export const pathOf = (name, ...top) => [...top, ...folderOf(name).split('/').filter(Boolean)].join(' / ');
