// Marks in the text by the CSS Custom Highlight API: nothing in the text is wrapped. style.css has what they look like.
//
// Names: t<colour>-<shade 1 to 3>, l<colour>-<lane 0 to 2>, with k where a person confirmed; rejected, same, chosen.

const SHADES = [0.7, 0.9];
/** Below the first value an entity is unsure. */
export const UNSURE = SHADES[0];
const isThere = typeof Highlight === 'function' && CSS.highlights;

// Ranges are made only in the parts of the text that are near the window: each one costs time whenever any mark changes.
export class Highlighter {
  constructor(pane) {
    this.see(pane);
  }

  /** Mark in this pane from now on; nothing is marked yet. */
  see(pane) {
    this.close();
    this.pane = pane;
    this.clear();
    // The first parts are those that are seen first; a text of one part is marked as a whole.
    this.near = new Set([0, 1]);
    const numbers = new Map(pane.parts.map(({ element }, n) => [element, n]));
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.#come(numbers.get(target), isIntersecting);
    }, { rootMargin: '100% 0px', scrollMargin: '100% 0px' });
    if (numbers.size > 1) for (const element of numbers.keys()) this.observer.observe(element);
  }

  close() {
    this.observer?.disconnect();
  }

  clear() {
    this.spans = new Map();
    this.drawn = new Map();
    this.parts = new Map();
    if (isThere) CSS.highlights.clear();
  }

  /** Mark a span, instead of what was marked for `id`; {start, end, colour, confidence, lane, status}, or null. */
  mark(id, span) {
    this.#erase(id);
    this.spans.set(id, span);
    if (!span) return;
    for (let n = this.pane.partAt(span.start), last = this.pane.partAt(span.end); n <= last; n += 1) {
      if (!this.parts.has(n)) this.parts.set(n, new Set());
      this.parts.get(n).add(id);
      if (this.near.has(n)) this.#draw(id);
    }
  }

  #come(part, isNear) {
    if (isNear === this.near.has(part)) return;
    this.near[isNear ? 'add' : 'delete'](part);
    for (const id of this.parts.get(part) ?? []) isNear ? this.#draw(id) : this.#erase(id);
  }

  #draw(id) {
    const span = this.spans.get(id);
    if (!span || !isThere || this.drawn.has(id)) return;
    const range = this.pane.range(span.start, span.end);
    const names = namesOf(span);
    this.drawn.set(id, names.map((name) => [name, range]));
    for (const name of names) {
      if (!CSS.highlights.has(name)) CSS.highlights.set(name, prioritised(name));
      CSS.highlights.get(name).add(range);
    }
  }

  #erase(id) {
    for (const [name, range] of this.drawn.get(id) ?? []) CSS.highlights.get(name)?.delete(range);
    this.drawn.delete(id);
  }
}

function namesOf({ status, colour, confidence, lane }) {
  if (!colour) return [status];
  if (status === 'rejected') return ['rejected'];
  const line = `l${colour}-${lane}${status === 'confirmed' ? 'k' : ''}`;
  const shade = status === 'confirmed' ? 3 : 1 + SHADES.filter((least) => confidence >= least).length;
  return lane < 2 ? [`t${colour}-${shade}`, line] : [line];
}

// Lines are painted over tints, and what a person is choosing over all.
function prioritised(name) {
  const highlight = new Highlight();
  highlight.priority = name.startsWith('t') ? 0 : name.startsWith('l') ? 1 : 2;
  return highlight;
}
