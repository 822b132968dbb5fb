// Makes elements. Text goes into the page as text only; nothing here parses markup.
import { t } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes, listeners (`onclick`), and children: nodes, strings, null for nothing. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export const icon = (name) => svg('svg', { class: `icon i-${name}`, 'aria-hidden': 'true' }, svg('use', { href: `static/icons.svg#${name}` }));

/** Write the words of the language into everything that names them. */
export function translate(root) {
  for (const element of root.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll('[data-hint]')) element.placeholder = t(element.dataset.hint);
  for (const element of root.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', t(element.dataset.label));
    if (element.matches('button, a')) element.title = t(element.dataset.label);
  }
}

/** A copy of a template of index.html: its root, and the elements that have a `data-ref`, by that. */
export function template(id) {
  const root = document.getElementById(id).content.firstElementChild.cloneNode(true);
  translate(root);
  return { root, ...refs(root) };
}

export const refs = (root) => Object.fromEntries([...root.querySelectorAll('[data-ref]')].map((element) => [element.dataset.ref, element]));

export const button = (words, onclick, { icon: name, key, ...attributes } = {}) =>
  h('button', { type: 'button', onclick, ...attributes }, name && icon(name), words && h('span', {}, words), key && h('kbd', {}, key));

/** A button with only an icon; `label` is its name. */
export const iconButton = (name, label, onclick, attributes = {}) =>
  button(null, onclick, { icon: name, 'aria-label': label, title: label, ...attributes, class: `square ${attributes.class ?? ''}` });

/** A menu that closes when something is chosen, or the focus leaves it. */
export function closing(details) {
  details.addEventListener('click', (event) => event.target.closest('.pop button, .pop a') && (details.open = false));
  details.addEventListener('focusout', (event) => event.relatedTarget && !details.contains(event.relatedTarget) && (details.open = false));
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return;
    event.stopPropagation();
    details.open = false;
    details.querySelector('summary').focus();
  });
  return details;
}

/** Save what the app answers as a file. A link would not carry the access key. */
export function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const segments = new Intl.Segmenter('en');

/** A document's name on one line: cut in the middle where it does not fit, the extension always at its end. */
export function shortName(name) {
  const file = name.slice(name.lastIndexOf('/') + 1);
  const dot = file.lastIndexOf('.');
  const stem = dot > 0 && file.length - dot < 8 ? file.slice(0, dot) : file;
  const parts = [...segments.segment(stem.length > 24 ? stem.slice(-40) : '')].map((part) => part.segment);
  const tail = parts.slice(-10).join('');
  return [
    h('bdi', { class: 'stem', dir: 'auto' }, h('span', { class: 'head' }, stem.slice(0, stem.length - tail.length)), tail && h('span', {}, tail)),
    h('span', { class: 'ext' }, file.slice(stem.length)),
  ];
}

export const folderOf = (name) => name.slice(0, name.lastIndexOf('/') + 1);
export const fileOf = (name) => name.slice(name.lastIndexOf('/') + 1);
