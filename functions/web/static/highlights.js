// Marks in the text by the CSS Custom Highlight API: nothing in the text is wrapped. style.css has what they look like.
//
// Names: t<colour>-<shade 1 to 3>, l<colour>-<lane 0 to 2>, with k where a person confirmed; rejected, same, chosen.

const SHADES = [0.7, 0.9];
/** Below the first value an entity is unsure. */
export const UNSURE = SHADES[0];
const isThere = typeof Highlight === 'function' && CSS.highlights;

export class Highlighter {
  constructor(pane) {
    this.pane = pane;
    this.marks = new Map();
    this.clear();
  }

  clear() {
    this.marks.clear();
    if (isThere) CSS.highlights.clear();
  }

  /** Mark a span, instead of what was marked for `id`; {start, end, colour, confidence, lane, status}, or null. */
  mark(id, span) {
    for (const [name, range] of this.marks.get(id) ?? []) CSS.highlights.get(name)?.delete(range);
    this.marks.delete(id);
    if (!span || !isThere) return;
    const range = this.pane.range(span.start, span.end);
    const names = namesOf(span);
    this.marks.set(id, names.map((name) => [name, range]));
    for (const name of names) {
      if (!CSS.highlights.has(name)) CSS.highlights.set(name, prioritised(name));
      CSS.highlights.get(name).add(range);
    }
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
