// Positions in a text. The page counts in UTF-16 units, as strings of JavaScript do; files say in what they count.

/** Converts positions of one text between UTF-16 units and the unit `indexType` of a file. */
export class Offsets {
  constructor(text, indexType = 'UnicodeCodePoint') {
    this.same = indexType === 'Utf16CodeUnit';
    // Where each element of more than one unit begins, and how many units it has beyond the first, summed up.
    this.starts = [];
    this.extra = [0];
    if (this.same) return;
    // "TextElements_v8": a code point and the marks after it. Else code points: pairs of surrogates count as one.
    const pattern = indexType.startsWith('TextElement') ? /[^]\p{M}*/gu : /[\ud800-\udbff][\udc00-\udfff]/g;
    for (const { index, 0: { length } } of text.matchAll(pattern)) {
      if (length === 1) continue;
      this.starts.push(index);
      this.extra.push(this.extra.at(-1) + length - 1);
    }
  }

  /** The file's position in UTF-16 units. */
  toUnits(position) {
    const before = count(this.starts.length, (k) => this.starts[k] - this.extra[k] < position);
    return position + this.extra[before];
  }

  /** The position of the UTF-16 unit `unit`, which begins an element, as the file counts. */
  fromUnits(unit) {
    return unit - this.extra[count(this.starts.length, (k) => this.starts[k] < unit)];
  }
}

/** How many of `size` values satisfy `test`, which holds for the first ones and then no more. */
export function count(size, test) {
  let low = 0;
  for (let high = size; low < high; ) {
    const middle = (low + high) >> 1;
    if (test(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const WORD = /[\p{L}\p{N}\p{M}_]|[\ud800-\udfff]/u;
const isWord = (text, at) => at >= 0 && at < text.length && (/[\ud800-\udfff]/.test(text[at]) || WORD.test(text[at]));

/** The span widened to whole words, without white space at its edges; null if there is only white space in it. */
export function snapToWords(text, start, end) {
  const span = trim(text, start, end);
  if (!span) return null;
  while (isWord(text, span.start) && isWord(text, span.start - 1)) span.start -= 1;
  while (isWord(text, span.end - 1) && isWord(text, span.end)) span.end += 1;
  return span;
}

/** The span without white space at its edges, or null; never half of a surrogate pair. */
export function trim(text, start, end) {
  if (/[\udc00-\udfff]/.test(text[start] ?? '')) start -= 1;
  if (/[\udc00-\udfff]/.test(text[end] ?? '')) end += 1;
  while (start < end && /\s/.test(text[start])) start += 1;
  while (start < end && /\s/.test(text[end - 1])) end -= 1;
  return start < end ? { start, end } : null;
}

/** The next place at which a word begins (`direction` -1) or ends (1), or the next character without `byWords`. */
export function step(text, at, direction, byWords) {
  const size = () => (/[\ud800-\udfff]/.test(text[direction > 0 ? at : at - 1] ?? '') ? 2 : 1);
  if (!byWords) return Math.min(text.length, Math.max(0, at + direction * size()));
  const here = () => (direction > 0 ? at : at - 1);
  const inText = () => here() >= 0 && here() < text.length;
  const wasWord = () => isWord(text, here());
  while (inText() && !wasWord()) at += direction;
  while (inText() && wasWord()) at += direction;
  return at;
}

/** Where `part` stands in `text` as whole words, as spans. */
export function occurrences(text, part) {
  const found = [];
  if (!part) return found;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    const end = at + part.length;
    const cut = (isWord(text, at) && isWord(text, at - 1)) || (isWord(text, end - 1) && isWord(text, end));
    if (!cut) found.push({ start: at, end });
  }
  return found;
}

/**
 * The lane of each span: 0 is the line close to the text, a span around or across another has its line further down.
 * What ends first comes first, so the inner one is above; of two that cross, the one that starts later is below.
 */
export function lanes(spans, most = 2) {
  const lane = new Array(spans.length).fill(0);
  const order = [...spans.keys()].sort((a, b) => spans[a].start - spans[b].start || spans[b].end - spans[a].end);
  const place = (cluster) => {
    cluster.sort((a, b) => spans[a].end - spans[b].end || spans[b].start - spans[a].start);
    cluster.forEach((at, n) => {
      for (let k = Math.max(0, n - 64); k < n && lane[at] < most; k += 1) {
        if (spans[cluster[k]].end > spans[at].start) lane[at] = Math.min(most, Math.max(lane[at], lane[cluster[k]] + 1));
      }
    });
  };
  let cluster = [];
  let end = -1;
  for (const at of order) {
    if (spans[at].start >= end && cluster.length) {
      place(cluster);
      cluster = [];
    }
    cluster.push(at);
    end = Math.max(end, spans[at].end);
  }
  place(cluster);
  return lane;
}
