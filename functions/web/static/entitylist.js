// A long list of which only the rows in view are in the page. In reading it is a listbox, in review a list.
import { h, refill } from './dom.js';

const ROW = 53;
const AROUND = 8;

export class EntityList {
  /** `draw(item)`: the content of a row; `pick(item)`: what a click on it does. */
  constructor(host, { draw, pick, review }) {
    Object.assign(this, { host, draw, pick, review, items: [], current: null });
    this.inner = h('div.rows', { role: 'presentation' });
    host.setAttribute('role', review ? 'list' : 'listbox');
    host.dataset.arrows = '';
    host.tabIndex = 0;
    host.replaceChildren(this.inner);
    host.addEventListener('scroll', () => this.#window());
    host.addEventListener('click', (event) => {
      const row = event.target.closest('[data-n]');
      if (row && !event.target.closest('button')) pick(this.items[row.dataset.n]);
    });
    // Its first call is after the first layout: asking for sizes before would have the whole text laid out twice.
    this.observer = new ResizeObserver(() => { this.height = host.clientHeight; this.#window(); });
    this.observer.observe(host);
  }

  show(items, current) {
    Object.assign(this, { items, current });
    this.inner.style.height = `${items.length * ROW}px`;
    this.from = -1;
    this.#window();
  }

  /** Make an item the current one and bring it into view. */
  reach(current) {
    this.current = current;
    const n = this.items.findIndex(({ id }) => id === current);
    const { scrollTop, clientHeight } = this.host;
    if (n >= 0 && (n * ROW < scrollTop || (n + 1) * ROW > scrollTop + clientHeight)) this.host.scrollTop = n * ROW - clientHeight / 3;
    this.from = -1;
    this.#window();
  }

  #window() {
    const { height } = this;
    if (!height) return;
    const { scrollTop } = this.host;
    const from = Math.max(0, Math.floor(scrollTop / ROW) - AROUND);
    const to = Math.min(this.items.length, Math.ceil((scrollTop + height) / ROW) + AROUND);
    if (from === this.from && to === this.to) return;
    Object.assign(this, { from, to });
    const act = this.inner.contains(document.activeElement) && [document.activeElement.closest('[data-n]')?.dataset.id, document.activeElement.value];
    refill(this.inner, this.items.slice(from, to).map((item, k) => {
      const isCurrent = item.id === this.current;
      const row = h('div', { class: 'row', id: `e-${item.id}`, 'data-n': from + k, 'data-id': item.id, role: this.review ? 'listitem' : 'option', 'aria-setsize': this.items.length, 'aria-posinset': from + k + 1,
        'aria-selected': this.review ? null : String(isCurrent), 'aria-current': this.review && isCurrent ? 'true' : null }, this.draw(item));
      row.style.top = `${(from + k) * ROW}px`;
      return row;
    }));
    if (act && !this.inner.contains(document.activeElement)) (this.inner.querySelector(`[data-id="${act[0]}"] [value="${act[1]}"]`) ?? this.host).focus();
    if (this.review) return;
    if (this.inner.querySelector('[aria-selected=true]')) this.host.setAttribute('aria-activedescendant', `e-${this.current}`);
    else this.host.removeAttribute('aria-activedescendant');
  }
}
