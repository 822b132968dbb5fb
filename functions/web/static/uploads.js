// Uploads: each file goes from the browser straight to storage, with leave for that one blob.
import { idOf, post } from './api.js';
import { h } from './dom.js';
import { ask } from './messages.js';
import { bytes, day, t } from './words.js';

const AT_ONCE = 4;
const BLOCK_TRIES = 4;

/**
 * The uploads of this tab. An upload: {id, name, file, state, sent, speed, error, existing, replace};
 * state: 'queued', 'uploading', 'exists', 'broken', 'refused', 'sent' (until the app has its row), 'cancelled'.
 */
export class Uploads {
  constructor(app) {
    Object.assign(this, { app, items: [], folder: '', watchers: new Set() });
  }

  get isBusy() {
    return this.items.some(({ state }) => state === 'queued' || state === 'uploading');
  }

  /** Upload files, [{file, path}], into the folder that is shown; `replace`: the ETag of what one of them replaces. */
  add(files, { folder = this.folder, replace = null } = {}) {
    const most = Math.max(this.app.session?.limits.fileBytes ?? Infinity, this.app.session?.limits.documentBytes ?? 0);
    for (const { file, path } of files) {
      const name = folder + path;
      const item = { id: idOf(name), name, file, state: 'queued', sent: 0, began: Date.now(), replace };
      if (file.size > most) Object.assign(item, { state: 'refused', error: t('tooLarge', { size: bytes(file.size), limit: bytes(most) }) });
      this.items = [item, ...this.items.filter((other) => other.id !== item.id || other.state === 'uploading')];
    }
    if (files.length && !/^#\/?(\?|$)/.test(location.hash || '#/')) this.app.go('#/');
    this.#next();
  }

  cancel(item) {
    item.request?.abort();
    item.state = 'cancelled';
    this.drop(item);
  }

  cancelAll() {
    for (const item of this.items.filter(({ state }) => state !== 'sent')) this.cancel(item);
  }

  drop(item) {
    this.items = this.items.filter((other) => other !== item);
    this.#next();
  }

  /** Send it again; blocks that are there already are not sent a second time. */
  resume(item) {
    Object.assign(item, { state: 'queued', error: null });
    this.#next();
  }

  replace(item) {
    item.replace = item.existing.etag;
    this.resume(item);
  }

  #changed() {
    for (const watcher of this.watchers) watcher();
  }

  #next() {
    const active = this.items.filter(({ state }) => state === 'uploading').length;
    const queued = this.items.filter(({ state }) => state === 'queued').reverse();
    for (const item of queued.slice(0, Math.max(0, AT_ONCE - active))) this.#upload(item);
    if (!queued.length && !active) this.#askAboutExisting();
    this.#changed();
  }

  async #upload(item) {
    item.state = 'uploading';
    item.began = Date.now();
    try {
      const { name, file } = item;
      const leave = await post('uploads', { name, size: file.size, contentType: file.type, replace: item.replace ?? null });
      if (leave.mode === 'blocks') await this.#sendBlocks(item, leave);
      else await this.#put(item, leave.url, file, { 'x-ms-blob-type': 'BlockBlob', 'content-type': file.type || 'application/octet-stream', ...leave.headers }, 0);
      item.state = 'sent';
      this.app.refresh();
    } catch (error) {
      if (item.state === 'cancelled') return;
      if (error.status === 409 || error.status === 412) Object.assign(item, { state: 'exists', existing: error.problem?.existing ?? {}, replace: null });
      else if (error.status && error.status < 500 && error.status !== 403) Object.assign(item, { state: 'refused', error: error.message });
      else Object.assign(item, { state: 'broken', error: error.message });
    }
    this.#next();
  }

  async #sendBlocks(item, { url, blockBytes, headers }) {
    const { file } = item;
    item.blocks ??= new Set();
    const names = [];
    for (let start = 0, n = 0; start < file.size; start += blockBytes, n += 1) {
      const block = btoa(String(n).padStart(8, '0'));
      names.push(block);
      for (let tries = 1; !item.blocks.has(block); tries += 1) {
        try {
          await this.#put(item, `${url}&comp=block&blockid=${encodeURIComponent(block)}`, file.slice(start, start + blockBytes), {}, start);
          item.blocks.add(block);
        } catch (error) {
          if (tries === BLOCK_TRIES || item.state === 'cancelled' || (error.status && error.status < 500)) throw error;
          await new Promise((resolve) => { setTimeout(resolve, 500 * 2 ** tries); });
        }
      }
    }
    const list = `<?xml version="1.0" encoding="utf-8"?><BlockList>${names.map((name) => `<Latest>${name}</Latest>`).join('')}</BlockList>`;
    await this.#put(item, `${url}&comp=blocklist`, list, { 'x-ms-blob-content-type': file.type || 'application/octet-stream', ...headers }, file.size);
  }

  // XMLHttpRequest, because fetch tells no progress.
  #put(item, url, body, headers, before) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      item.request = request;
      request.open('PUT', url);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => { item.sent = Math.min(item.file.size, before + loaded); this.#changed(); };
      const fail = (status) => reject(Object.assign(new Error(status ? t('storageRefused', { status: String(status) }) : t('noConnection')), { status }));
      request.onload = () => (request.status < 300 ? resolve() : fail(request.status));
      request.onerror = () => fail(0);
      request.onabort = () => fail(0);
      request.send(body);
    });
  }

  /** Several names that exist are one question; of one name its row asks. */
  async #askAboutExisting() {
    const open = this.items.filter(({ state, asked }) => state === 'exists' && !asked);
    for (const item of open) item.asked = true;
    if (open.length < 2) return;
    const answer = await ask(t('existTitle', { n: open.length }), [h('p', t('existText')),
      h('ul.files', open.map(({ name, existing }) => h('li', h('bdi', name), h('span', existing.changed ? t('sizeFrom', { size: bytes(existing.size), day: day(existing.changed) }) : ''))))],
    [{ words: t('cancel'), value: null }, { words: t('keepOldOnes'), value: 'keep', safe: true }, { words: t('replaceN', { n: open.length }), value: 'replace', filled: true }]);
    for (const item of open) {
      if (answer === 'replace') this.replace(item);
      else if (answer === 'keep') this.drop(item);
    }
  }
}

/** The files of a drop, those of its folders too: [{file, path}]. */
export async function droppedFiles(items) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean);
  const found = [];
  const walk = async (entry) => {
    if (entry instanceof File) found.push({ file: entry, path: entry.name });
    else if (entry.isFile) found.push({ file: await new Promise((resolve, reject) => { entry.file(resolve, reject); }), path: entry.fullPath.slice(1) });
    else {
      const reader = entry.createReader();
      for (let some; (some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); })).length; ) for (const one of some) await walk(one);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}
