// Colours and keys of the categories: by their order in the model, so a category always has the same.
import { preferences } from './preferences.js';

export const POOL = [...'1234567890QWEUIOPGBVLY'];
export const COLOURS = 12;

/** The categories of a document: the model's first, then others in the order of the alphabet. */
export class Categories {
  constructor(ofModel, found) {
    this.names = [...new Set([...ofModel, ...[...found].sort()])];
    this.place = new Map(this.names.map((name, n) => [name, n]));
  }

  /** 1 to 12; from the 13th category on they repeat. */
  colour(name) {
    return ((this.place.get(name) ?? 0) % COLOURS) + 1;
  }

  key(name) {
    const own = preferences.keys;
    if (own[name]) return own[name];
    const taken = new Set(Object.values(own));
    const free = POOL.filter((key) => !taken.has(key));
    return free[this.names.filter((other) => !own[other]).indexOf(name)] ?? '';
  }

  byKey(key) {
    return this.names.find((name) => this.key(name) === key);
  }
}
