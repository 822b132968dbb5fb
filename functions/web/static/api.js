// The app's HTTP interface. An error that it answers is an ApiError; no answer is one with status 0.

const KEY = 'access-key';
let onLost = () => {};
let onBack = () => {};
let lost = false;

export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.problem = problem;
  }
}

// The key lives in this tab only, and goes with each request as a header: never in an address, which logs would have.
export const accessKey = () => sessionStorage.getItem(KEY);
export const keepKey = (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY));

/** Have `lostIt` called when the app stops answering, and `back` when it answers again. */
export function watchConnection(lostIt, back) {
  onLost = lostIt;
  onBack = back;
}

/** Base64url of the UTF-8 of a document's name: how paths name it. */
export function idOf(name) {
  const binary = Array.from(new TextEncoder().encode(name), (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Send a request; returns the response if it is a success. Raises ApiError. */
export async function send(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const all = { ...headers };
  if (accessKey()) all['x-functions-key'] = accessKey();
  if (method !== 'GET') all['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(`api/${path}`, { method, headers: all, body: method === 'GET' ? undefined : JSON.stringify(body ?? {}), signal, cache: 'no-store' });
    if ([502, 503, 504].includes(response.status)) throw new TypeError('not reachable');
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    if (!lost) onLost();
    lost = true;
    throw new ApiError(0, { detail: String(error.message) });
  }
  if (lost) onBack();
  lost = false;
  if (response.ok) return response;
  // The host's own errors have no body.
  throw new ApiError(response.status, await response.json().catch(() => ({})));
}

export const getJson = async (path, options) => (await send(path, options)).json();

/** The JSON with its ETag, or null where there is none. */
export async function getVersioned(path) {
  try {
    const response = await send(path);
    return { value: await response.json(), etag: response.headers.get('etag') };
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Write with compare-and-set; `etag` null: only if there is none yet. Returns the new ETag. */
export async function putVersioned(path, body, etag) {
  const headers = etag ? { 'if-match': etag } : { 'if-none-match': '*' };
  return (await send(path, { method: 'PUT', body, headers })).headers.get('etag');
}

export const post = async (path, body) => (await send(path, { method: 'POST', body })).json().catch(() => ({}));

/** A query string of the values that are set. */
export function query(values) {
  const set = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return set.length ? `?${new URLSearchParams(set)}` : '';
}
