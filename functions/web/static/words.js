// The words of the interface, numbers and times, in the language of the page.

const formats = new Map();
let words = {};
let english = {};
export let language = 'en';
// With the region where the browser says one of this language: days are written differently in one.
let locale = 'en';
let plural;

/** Load the words of a language; English ones stand in for those it does not have. */
export async function load(wanted) {
  const read = async (name) => (await fetch(`static/words.${name}.json`)).json();
  [words, english] = await Promise.all([read(wanted), wanted === 'en' ? {} : read('en')]);
  language = wanted;
  locale = navigator.languages.find((name) => name.startsWith(wanted)) ?? wanted;
  formats.clear();
  plural = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** The words for `key`, with `{name}` replaced by the value; `n` chooses between one and several. */
export function t(key, values = {}) {
  let found = words[key] ?? english[key] ?? key;
  if (typeof found === 'object') found = found[plural.select(values.n)] ?? found.other;
  return found.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === 'number' ? number(values[name]) : (values[name] ?? '')));
}

export const has = (key) => key in words;

function format(kind, options) {
  const key = `${kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(locale, options));
  return formats.get(key);
}

export const number = (value, digits = 0) => format(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** A confidence with two digits, never rounded up: 0.899 is not 0.90. */
export const sure = (value) => number(Math.floor(value * 100 + 1e-9) / 100, 2);

export function bytes(size) {
  if (size < 1000) return `${number(size)} B`;
  return size < 999_500 ? `${number(size / 1000)} kB` : `${number(size / 1e6, size % 1e6 ? 1 : 0)} MB`;
}

export const list = (parts) => format(Intl.ListFormat, { type: 'unit' }).format(parts);
export const day = (date, timeZone) => format(Intl.DateTimeFormat, { day: 'numeric', month: 'short', year: 'numeric', timeZone }).format(new Date(date));
export const clock = (date, seconds) => format(Intl.DateTimeFormat, { hour: '2-digit', minute: '2-digit', second: seconds ? '2-digit' : undefined, hourCycle: 'h23' }).format(new Date(date));
export const shortDay = (date) => format(Intl.DateTimeFormat, { day: 'numeric', month: 'short' }).format(new Date(date));

/** How long ago, in one unit; days beyond a week are dates. */
export function ago(date, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - new Date(date)) / 1000));
  if (seconds < 2) return t('justNow');
  const [value, unit] = seconds < 60 ? [seconds, 's'] : seconds < 3600 ? [seconds / 60, 'min'] : seconds < 86_400 ? [seconds / 3600, 'h'] : [seconds / 86_400, t('dayUnit')];
  return value >= 7 && unit === t('dayUnit') ? day(date) : t('ago', { time: `${Math.floor(value)} ${unit}` });
}

/** A length of time: `0:42`, `3 h 5 min`, `2 d`; `brief`: a short one in seconds. */
export function duration(seconds, brief) {
  const s = Math.max(0, Math.round(seconds));
  if (brief && s < 100) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
  return s < 172_800 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : t('days', { n: Math.floor(s / 86_400) });
}

export const secondsUntil = (time) => (new Date(time) - Date.now()) / 1000;

// A model expires on a day, the last on which it answers: in Greenwich's time, which clients elsewhere must not shift.
const dayOf = (time) => time.slice(0, 10);
export const daysUntil = (expires) => (Date.parse(dayOf(expires)) - Date.parse(dayOf(new Date().toISOString()))) / 86_400_000;
export const lastDay = (expires) => day(dayOf(expires), 'UTC');
/** With fewer days left, a model's expiry is warned of; log lines and alerts begin then, too. */
export const SOON_DAYS = 90;

/** Where in its file an entity stands: page, sheet and row, slide, part. */
export function place(location) {
  if (!location) return '';
  return Object.entries(location).map(([key, value]) => (has(`place.${key}`) ? t(`place.${key}`, { v: String(value) }) : String(value))).join(', ');
}
