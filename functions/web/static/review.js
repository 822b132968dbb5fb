// What a person decided of each entity: values and functions, no page. An item never changes; a decision makes a new one.
//
//   item: {id, model, decision, category, start, end, record}
//   model: the model's {category, start, end, confidence}, null for one that a person added
//   decision: null, or 'accepted', 'rejected', 'changed', 'added'; category, start and end are what holds now
//   record: {id, at, by} of the decision
//   change: {id, before, after}, each an item or null; a step: {document, changes, status}, what undo takes back at once

/** The items of the model's entities, nothing decided. */
export const undecided = (entities) => entities.map((model, n) => ({ id: `m${n}`, model, decision: null, category: model.category, start: model.start, end: model.end, record: null }));

const sameSpan = (a, b) => a.start === b.start && a.end === b.end;
const sameEntity = (a, b) => sameSpan(a, b) && a.category === b.category;
const change = (item, after) => ({ id: item.id, before: item, after });
const reset = (item) => ({ ...item, category: item.model.category, start: item.model.start, end: item.model.end, decision: null, record: null });

/** Accept or reject an item; the same again takes it back. An added one that is rejected goes away. */
export function decide(item, decision, record) {
  if (!item.model) return decision === 'rejected' ? [change(item, null)] : [];
  if (item.decision === decision) return [change(item, reset(item))];
  const keeps = decision === 'accepted' && item.decision === 'changed';
  return keeps ? [] : [change(item, { ...reset(item), decision, record })];
}

/** Give an item another category or span; what the model had said is accepting it. */
export function alter(item, values, record) {
  const next = { ...item, ...values };
  if (item.decision === 'rejected') Object.assign(next, { ...reset(item), ...values });
  const decision = !item.model ? 'added' : sameEntity(next, item.model) ? 'accepted' : 'changed';
  return sameEntity(next, item) && decision === item.decision ? [] : [change(item, { ...next, decision, record })];
}

/** Add an entity that the model has not found; nothing where just that is already. */
export function add(items, span, category, record) {
  const there = items.find((item) => sameEntity(item, { ...span, category }) && item.decision !== 'rejected');
  if (there) return there.decision ? [] : decide(there, 'accepted', record);
  const item = { id: `a${record.id}`, model: null, decision: 'added', category, ...span, record };
  return [{ id: item.id, before: null, after: item }];
}

/** Accept what is undecided and at least `least` sure. */
export const acceptAbove = (items, least, record) =>
  items.filter((item) => !item.decision && item.model.confidence >= least).flatMap((item) => decide(item, 'accepted', record()));

/** Decide the same at every other one of `places`, the spans with the same text, adding where nothing is. */
export function same(items, item, places, record) {
  const source = item.model ?? item;
  const moved = item.start - source.start || item.end - source.end;
  return places.flatMap((span) => {
    const here = items.filter((other) => sameSpan(other.model ?? other, span) || sameSpan(other, span));
    if (here.some((other) => other.id === item.id)) return [];
    const alike = here.find((other) => other.category === source.category || other.category === item.category) ?? here[0];
    if (item.decision === 'rejected') return alike && alike.category === item.category && alike.decision !== 'rejected' ? decide(alike, 'rejected', record()) : [];
    if (alike) return moved || alike.decision === 'rejected' ? [] : alter(alike, { category: item.category }, record());
    return add(items, { start: span.start, end: span.end }, item.category, record());
  });
}

/** The items after the changes, in the order of the text. */
export function apply(items, changes) {
  const next = new Map(items.map((item) => [item.id, item]));
  for (const { id, after } of changes) {
    if (after) next.set(id, after);
    else next.delete(id);
  }
  return [...next.values()].sort((a, b) => a.start - b.start || b.end - a.end);
}

/** The changes that take `changes` back. */
export const reverse = (changes) => changes.map(({ id, before, after }) => ({ id, before: after, after: before })).reverse();

/** The steps that were taken, over all documents of this tab, and those taken back. */
export class History {
  constructor(most = 500) {
    this.most = most;
    this.done = [];
    this.undone = [];
  }

  push(step) {
    this.done.push(step);
    if (this.done.length > this.most) this.done.shift();
    this.undone = [];
  }

  /** Take the last step back; returns a step with the changes to apply, or undefined. */
  undo() {
    const step = this.done.pop();
    if (step) this.undone.push(step);
    return step && { ...step, changes: reverse(step.changes), status: step.status && [...step.status].reverse() };
  }

  redo() {
    const step = this.undone.pop();
    if (step) this.done.push(step);
    return step;
  }
}

/** The decisions as a corrections file has them; `offsets` converts to the unit of the file. */
export function toDecisions(items, offsets) {
  const span = ({ category, start, end }) => {
    const offset = offsets.fromUnits(start);
    return { category, offset, length: offsets.fromUnits(end) - offset };
  };
  return items.filter((item) => item.decision).map((item) => ({
    ...item.record,
    decision: item.decision,
    modelEntity: item.model && { ...span(item.model), confidence: item.model.confidence },
    entity: item.decision === 'rejected' ? null : span(item),
  }));
}

/** The items after the decisions of a corrections file; what fits no entity of the model and adds none is left out. */
export function fromDecisions(items, decisions, offsets) {
  const span = ({ category, offset, length }) => ({ category, start: offsets.toUnits(offset), end: offsets.toUnits(offset + length) });
  const key = ({ category, start, end }) => `${start} ${end} ${category}`;
  const byModel = new Map(items.filter((item) => item.model).map((item) => [key(item.model), item]));
  return apply(items, decisions.flatMap(({ id, at, by, decision, modelEntity, entity }) => {
    const record = { id, at, by };
    if (!modelEntity) return entity ? [{ id: `a${id}`, before: null, after: { id: `a${id}`, model: null, decision, ...span(entity), record } }] : [];
    const item = byModel.get(key(span(modelEntity)));
    return item ? [change(item, { ...item, ...(entity && span(entity)), decision, record })] : [];
  }));
}

const state = (item) => item && `${item.decision} ${item.category} ${item.start} ${item.end}`;

/**
 * Put two people's decisions together that both started from `base`: what only one of them changed is kept.
 * Returns {items, theirs, conflicts}: how many decisions they made, and where both decided and differ, [{mine, theirs}].
 */
export function merge(base, mine, theirs) {
  const of = (items) => new Map(items.map((item) => [item.id, item]));
  const [was, my, their] = [of(base), of(mine), of(theirs)];
  const merged = new Map(my);
  const conflicts = [];
  let changed = 0;
  for (const id of new Set([...their.keys(), ...was.keys()])) {
    if (state(their.get(id)) === state(was.get(id))) continue;
    changed += 1;
    if (state(my.get(id)) === state(their.get(id))) continue;
    if (state(my.get(id)) !== state(was.get(id))) conflicts.push({ id, mine: my.get(id), theirs: their.get(id) });
    else if (their.has(id)) merged.set(id, their.get(id));
    else merged.delete(id);
  }
  return { items: apply([...merged.values()], []), theirs: changed, conflicts };
}

/** The items with the conflicts decided: 'mine', 'theirs', or 'open', where they are to be decided anew. */
export const settle = (items, conflicts, whose) => apply(items, conflicts.map(({ id, mine, theirs }) => {
  const model = (mine ?? theirs).model && { ...(mine ?? theirs) };
  return { id, after: whose === 'open' ? (model ? reset(model) : (mine ?? theirs)) : whose === 'mine' ? mine : theirs };
}));
