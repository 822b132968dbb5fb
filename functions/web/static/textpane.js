// The text of a document: one element for each paragraph, spans of it as ranges, places on the screen, selections.
//
// Paragraphs stand in parts of some screens each. What is far from view is neither styled nor laid out by the browser
// (content-visibility); until then a part has the height that its number of characters lets expect. Parts and not
// paragraphs: with thousands of them the browser looks after each one in every frame of scrolling.
import { count, snapToWords, trim } from './offsets.js';
import { h } from './dom.js';

const PART = 12_000;
// Characters on a line, as far as one can guess.
const ROW = 90;

export class TextPane {
  constructor(article, scroll, text, language) {
    Object.assign(this, { article, scroll, text, starts: [], nodes: [], parts: [] });
    const lines = /\r\n|[\n\r\f]/g;
    let start = 0;
    let part;
    for (let more = true; more; ) {
      const end = lines.exec(text);
      more = end !== null;
      if (!part || start - part.start > PART) this.parts.push((part = { start, element: h('div.part'), rows: 0 }));
      const paragraph = document.createElement('p');
      paragraph.dir = 'auto';
      // An empty paragraph has an empty text node, so that every one has a place for offsets.
      const node = document.createTextNode(text.slice(start, end ? end.index : text.length));
      paragraph.append(node);
      part.element.append(paragraph);
      part.rows += Math.ceil((node.length + 1) / ROW);
      this.starts.push(start);
      this.nodes.push(node);
      start = lines.lastIndex;
    }
    this.places = new Map(this.nodes.map((node, k) => [node, k]));
    for (const { element, rows } of this.parts) element.style.setProperty('--rows', rows);
    article.replaceChildren(...this.parts.map(({ element }) => element));
    article.classList.toggle('parted', this.parts.length > 1);
    if (language) article.lang = language;
  }

  partAt(offset) {
    return count(this.parts.length, (n) => this.parts[n].start <= offset) - 1;
  }

  /** A function that tells how far down the article a position is, in pixels, without having anything laid out. */
  tops() {
    const boxes = this.parts.map(({ element }) => [element.offsetTop, element.offsetHeight]);
    return (offset) => {
      const k = this.partAt(offset);
      const { start } = this.parts[k];
      const size = (this.parts[k + 1]?.start ?? this.text.length) - start;
      return boxes[k][0] + (boxes[k][1] * (offset - start)) / Math.max(1, size);
    };
  }

  paragraphAt(offset) {
    return count(this.starts.length, (k) => this.starts[k] <= offset) - 1;
  }

  #place(offset) {
    const k = this.paragraphAt(offset);
    return [this.nodes[k], Math.min(this.nodes[k].length, offset - this.starts[k])];
  }

  range(start, end) {
    const [startContainer, startOffset] = this.#place(start);
    const [endContainer, endOffset] = this.#place(end);
    return new StaticRange({ startContainer, startOffset, endContainer, endOffset });
  }

  /** The boxes of a span, one for each line, relative to the article. */
  boxes(start, end) {
    const range = document.createRange();
    range.setStart(...this.#place(start));
    range.setEnd(...this.#place(end));
    const origin = this.article.getBoundingClientRect();
    const lines = [];
    for (const { left, top, width, height } of range.getClientRects()) {
      const last = lines.at(-1);
      const box = { left: left - origin.left, top: top - origin.top, width, height };
      if (last && Math.abs(last.top - box.top) < height / 2) {
        const right = Math.max(last.left + last.width, box.left + width);
        last.left = Math.min(last.left, box.left);
        last.width = right - last.left;
      } else if (width) lines.push(box);
    }
    return lines;
  }

  offsetOf(node, offset) {
    // A selection may end before an element: that is where its first text begins.
    if (node.nodeType !== Node.TEXT_NODE) [node, offset] = [node.childNodes[offset], 0];
    while (node && node.nodeType !== Node.TEXT_NODE) node = node.firstChild;
    return this.places.has(node) ? this.starts[this.places.get(node)] + offset : null;
  }

  offsetAt(x, y) {
    const caret = document.caretPositionFromPoint?.(x, y);
    const range = caret ? { startContainer: caret.offsetNode, startOffset: caret.offset } : document.caretRangeFromPoint?.(x, y);
    return range && this.article.contains(range.startContainer) ? this.offsetOf(range.startContainer, range.startOffset) : null;
  }

  /** What is selected in the text, as whole words unless `exactly`; null where nothing is. */
  selection(exactly) {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    if (!this.article.contains(range.commonAncestorContainer)) return null;
    const start = this.offsetOf(range.startContainer, range.startOffset);
    const end = this.offsetOf(range.endContainer, range.endOffset);
    if (start === null || end === null) return null;
    return (exactly ? trim : snapToWords)(this.text, start, end);
  }

  /** Bring a span into the middle of what is free: `covered` pixels at the bottom are under the sheet. */
  show(start, end, covered = 0, tries = 4) {
    const [box] = this.boxes(start, end);
    if (!box) return;
    const { scroll } = this;
    const scrolls = scroll.scrollHeight > scroll.clientHeight + 1;
    const top = this.article.getBoundingClientRect().top + box.top;
    const from = scrolls ? scroll.getBoundingClientRect().top : 120;
    const height = (scrolls ? scroll.clientHeight : innerHeight - 120) - covered;
    if (top > from + 48 && top + box.height < from + height - 48) return;
    const distance = top - from - height / 3;
    const isFar = Math.abs(distance) > 2 * height;
    const smooth = isFar || matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth';
    (scrolls ? scroll : window).scrollBy({ top: distance, behavior: smooth });
    // Parts that have come near get their real heights: the place may have moved.
    if (isFar && tries) requestAnimationFrame(() => requestAnimationFrame(() => this.show(start, end, covered, tries - 1)));
  }
}

/** A bar of shades that says how sure the model is; words beside it say the same. */
export const sureBar = (confidence, unsure) => h('meter', { class: confidence < unsure ? 'sure un' : 'sure', min: 0, max: 1, value: confidence, 'aria-hidden': 'true' });
