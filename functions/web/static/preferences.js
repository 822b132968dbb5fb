// What is remembered in this browser: language, theme, keys, and whether "How to read" is folded. Nothing else.

const NAME = 'preferences';
const initial = { language: null, theme: null, keys: {}, singleKeys: true, howFolded: false };

function read() {
  try {
    return { ...initial, ...JSON.parse(localStorage.getItem(NAME)) };
  } catch {
    return { ...initial };
  }
}

export const preferences = read();

export function remember(values) {
  Object.assign(preferences, values);
  localStorage.setItem(NAME, JSON.stringify(preferences));
}

/** The language to begin with: the chosen one, else the browser's, else English. */
export const firstLanguage = () => preferences.language ?? navigator.languages.map((name) => name.slice(0, 2)).find((name) => ['de', 'en'].includes(name)) ?? 'en';

export function showTheme() {
  if (preferences.theme) document.documentElement.dataset.theme = preferences.theme;
}

export const isDark = () => (preferences.theme ? preferences.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches);
