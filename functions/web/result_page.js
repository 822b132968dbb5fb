'use strict';
// Adds to the page what needs a script: marks in the text, the filter, going through the entities.
const rows = [...document.querySelectorAll('li[data-start]')];
const paragraphs = [...document.querySelectorAll('article p')];
const starts = paragraphs.map((paragraph) => Number(paragraph.dataset.at));
const least = document.getElementById('least');
const play = document.getElementById('play');
const STEP_MS = 1600;
let current = -1;
let timer = 0;

function place(offset) {
  let low = 0;
  for (let high = starts.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= offset) low = middle + 1;
    else high = middle;
  }
  const paragraph = paragraphs[low - 1];
  const node = paragraph.firstChild ?? paragraph.appendChild(document.createTextNode(''));
  return [node, Math.min(node.length, offset - starts[low - 1])];
}

function range(row) {
  const found = document.createRange();
  found.setStart(...place(Number(row.dataset.start)));
  found.setEnd(...place(Number(row.dataset.end)));
  return found;
}

const shown = () => rows.filter((row) => !row.hidden);

function mark() {
  const hidden = new Set([...document.querySelectorAll('.legend input:not(:checked)')].map((box) => box.value));
  document.getElementById('value').textContent = Number(least.value).toFixed(2);
  for (const row of rows) row.hidden = hidden.has(row.dataset.category) || Number(row.dataset.sure) < Number(least.value);
  if (!CSS.highlights) return;
  CSS.highlights.clear();
  const add = (name, row) => {
    if (!CSS.highlights.has(name)) {
      const highlight = new Highlight();
      highlight.priority = name.startsWith('t') ? 0 : 1;
      CSS.highlights.set(name, highlight);
    }
    CSS.highlights.get(name).add(range(row));
  };
  for (const row of shown()) {
    const { colour, lane, shade, decision } = row.dataset;
    if (decision === 'rejected') add('rejected', row);
    else {
      add(`l${colour}-${lane}${decision ? 'k' : ''}`, row);
      if (lane < 2) add(`t${colour}-${shade}`, row);
    }
  }
}

function go(row) {
  rows[current]?.removeAttribute('aria-current');
  for (const old of document.querySelectorAll('.frame')) old.remove();
  current = rows.indexOf(row);
  if (!row) return;
  row.setAttribute('aria-current', 'true');
  const among = shown();
  document.getElementById('now').textContent = `${among.indexOf(row) + 1} of ${among.length}  ${row.querySelector('.what').textContent}  ${row.dataset.category} ${row.querySelector('.value').textContent} ${row.querySelector('.where').textContent}`;
  const article = document.querySelector('article');
  const origin = article.getBoundingClientRect();
  const found = range(row);
  for (const box of found.getClientRects()) {
    const frame = document.createElement('span');
    frame.className = 'frame';
    Object.assign(frame.style, { left: `${box.left - origin.left - 3}px`, top: `${box.top - origin.top - 3}px`, width: `${box.width + 6}px`, height: `${box.height + 8}px` });
    article.append(frame);
  }
  const top = found.getBoundingClientRect().top;
  const smooth = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  if (top < 160 || top > innerHeight - 80) scrollBy({ top: top - innerHeight / 3, behavior: smooth });
}

function step(direction) {
  const among = shown();
  if (!among.length) return;
  const at = among.indexOf(rows[current]);
  go(among[at < 0 ? (direction > 0 ? 0 : among.length - 1) : (at + direction + among.length) % among.length]);
}

function toggle(on) {
  clearInterval(timer);
  timer = on ? setInterval(step, STEP_MS, 1) : 0;
  play.setAttribute('aria-pressed', String(on));
  play.textContent = on ? 'Stop' : 'Play';
  if (on) step(1);
}

document.querySelector('.player').hidden = !rows.length;
document.getElementById('back').onclick = () => step(-1);
document.getElementById('on').onclick = () => step(1);
play.onclick = () => toggle(!timer);
least.oninput = mark;
document.querySelector('.legend').onchange = mark;
for (const row of rows) row.querySelector('button').onclick = () => { toggle(false); go(row); };
addEventListener('resize', () => go(rows[current]));
mark();
