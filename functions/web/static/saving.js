// Saves at once, one write at a time, with compare-and-set. What could not be written is tried again until it is.
import { putVersioned } from './api.js';

const FIRST_WAIT_S = 2;
const LONGEST_WAIT_S = 30;

export class Saver {
  /** `onState(state, details)`: 'saving', 'saved', 'waiting' {seconds}, 'differs' {present, etag}, 'replaced', 'refused'. */
  constructor(path, etag, onState) {
    Object.assign(this, { path, etag, onState, next: null, busy: false, wait: FIRST_WAIT_S, timer: 0 });
  }

  /** Write `contents`, instead of what waits to be written. */
  save(contents) {
    this.next = contents;
    if (!this.busy) this.#write();
  }

  get isSaved() {
    return !this.busy && !this.next;
  }

  /** Go on from what somebody else has saved. */
  continueFrom(etag) {
    this.etag = etag;
  }

  tryNow() {
    clearTimeout(this.timer);
    if (this.next && this.busy) this.#write();
  }

  stop() {
    clearTimeout(this.timer);
  }

  async #write() {
    const contents = this.next;
    this.next = null;
    this.busy = true;
    this.onState('saving');
    try {
      this.etag = await putVersioned(this.path, contents, this.etag);
    } catch (error) {
      return this.#failed(error, contents);
    }
    this.wait = FIRST_WAIT_S;
    this.busy = false;
    if (this.next) return this.#write();
    return this.onState('saved', contents);
  }

  #failed(error, contents) {
    this.next ??= contents;
    if (error.status === 412 && error.problem.etag) {
      this.next = null;
      this.busy = false;
      return this.onState('differs', error.problem);
    }
    if (error.status && error.status < 500 && error.status !== 429) {
      this.next = null;
      this.busy = false;
      return this.onState(error.code === 'document_replaced' ? 'replaced' : 'refused', error);
    }
    this.timer = setTimeout(() => this.#write(), this.wait * 1000);
    this.onState('waiting', { seconds: this.wait });
    this.wait = Math.min(LONGEST_WAIT_S, this.wait * 2);
  }
}
