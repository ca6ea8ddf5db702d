/**
 * One question for what a URL knows now, and every way in which it may be answered. A question may be
 * held: the server then answers when it has news or the wait is over (`Prefer: wait=N`, RFC 7240).
 */

/** An answer at once comes within the service's own limit of 5 s, or it does not come. */
const answerMs = 7000;
/** How much later than asked for the answer to a held question may come before it is given up. */
const graceMs = 4000;

/**
 * - `unchanged`: what is known is what there is; where tags are lost on the way, it was sent all the same
 * - `lost`: nobody answered, or something that is not the service
 * - `unavailable`: the service answered that it does not know (its database is away), or told what it last
 *   knew: `ageMs` is how long ago that was, `remembered` what it was, unless that is known
 * - `crowded`: too many others wait, so that this question cannot be held
 * - `gone`: what was asked about is not there any more
 * - `signed-out`: a key is needed now
 * - `interrupted`: by the signal that was given
 *
 * @template State
 * @typedef {(
 *   | { kind: 'changed', state: State, etag: string, wasHeld: boolean, readMs: number, size: number, retryAfterMs: number }
 *   | { kind: 'unchanged', etag: string, wasHeld: boolean, readMs: number, size: number, retryAfterMs: number }
 *   | { kind: 'unavailable', retryAfterMs: number, ageMs?: number, remembered?: { state: State, etag: string } }
 *   | { kind: 'lost' | 'gone' | 'signed-out', retryAfterMs: number }
 *   | { kind: 'crowded', retryAfterMs: number }
 *   | { kind: 'interrupted', retryAfterMs: number }
 * )} Reply
 * `etag`: empty where it was lost on the way. `wasHeld`: the server knows how to wait. `readMs`: how long the body took to arrive; `size`: its characters.
 */

/**
 * @template State
 * @typedef {object} Question
 * @property {string} url
 * @property {string} etag of the state that is known; empty for none
 * @property {string | number | undefined} version of the state that is known
 * @property {number} waitSeconds how long the server may hold the question; 0 for an answer at once
 * @property {(body: any) => body is State} isState tells the service's JSON from that of others
 * @property {AbortSignal} [signal] takes the question back
 */

/**
 * @template State
 * @param {Question<State>} question
 * @returns {Promise<Reply<State>>}
 */
export async function ask({ url, etag, version, waitSeconds, isState, signal }) {
  const headers = {
    accept: 'application/json',
    ...(etag && { 'if-none-match': etag }),
    ...(waitSeconds > 0 && { prefer: `wait=${waitSeconds}` }),
  };
  try {
    const limitMs = waitSeconds > 0 ? waitSeconds * 1000 + graceMs : answerMs;
    // Plain questions are the same for all, so that a cache may answer them.
    const asked = waitSeconds > 0 && version !== undefined ? after(url, version) : url;
    const response = await request(asked, headers, { limitMs, signal });
    return await replyOf(response, { version, isState });
  } catch {
    // No network, no answer in time, or no JSON.
    return { kind: signal?.aborted ? 'interrupted' : 'lost', retryAfterMs: 0 };
  }
}

/**
 * A held question names the version that is known beside its tag: proxies that compress drop tags, or alter them.
 * @param {string} url
 * @param {string | number} version
 */
function after(url, version) {
  return `${url}${url.includes('?') ? '&' : '?'}after=${encodeURIComponent(version)}`;
}

/**
 * Also the page's way to its HTML: never from the cache, never for longer than the limit.
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {{ limitMs?: number, signal?: AbortSignal | undefined }} [options]
 */
export function request(url, headers, { limitMs = answerMs, signal } = {}) {
  const limit = AbortSignal.timeout(limitMs);
  return fetch(url, {
    headers,
    cache: 'no-store',
    signal: signal ? AbortSignal.any([limit, signal]) : limit,
  });
}

/**
 * @template State
 * @param {Response} response
 * @param {Pick<Question<State>, 'version' | 'isState'>} question
 * @returns {Promise<Reply<State>>}
 */
async function replyOf(response, { version, isState }) {
  const etag = response.headers.get('etag') ?? '';
  const retryAfterMs = 1000 * (Number(response.headers.get('retry-after')) || 0);
  const wasHeld = response.headers.has('preference-applied');
  const ageMs = staleMs(response.headers);
  if (response.status === 304) {
    return ageMs === undefined
      ? { kind: 'unchanged', etag, wasHeld, readMs: 0, size: 0, retryAfterMs }
      : { kind: 'unavailable', retryAfterMs, ageMs };
  }
  if (response.status === 401) return { kind: 'signed-out', retryAfterMs };
  const startedAtMs = performance.now();
  const text = await response.text();
  const readMs = performance.now() - startedAtMs;
  const body = parse(text);
  if (response.ok && isState(body)) {
    const isKnown = version !== undefined && versionOf(body) === version;
    if (ageMs !== undefined) {
      const remembered = isKnown ? {} : { remembered: { state: body, etag } };
      return { kind: 'unavailable', retryAfterMs, ageMs, ...remembered };
    }
    const answer = { etag, wasHeld, readMs, size: text.length, retryAfterMs };
    return isKnown ? { kind: 'unchanged', ...answer } : { kind: 'changed', state: body, ...answer };
  }
  return { kind: refusalOf(response.status, String(body?.type)), retryAfterMs };
}

/**
 * Which of its versions a state is; undefined where it does not say.
 * @param {any} state
 * @returns {string | number | undefined}
 */
export function versionOf(state) {
  const { version } = state;
  return typeof version === 'number' || typeof version === 'string' ? version : undefined;
}

/**
 * @param {string} text
 * @returns {any} undefined for what is no JSON
 */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * How old an answer is that the service itself calls stale, whatever caches on the way say of theirs: in
 * `Cache-Status` (RFC 9211) its time to live is below zero. Undefined for any other answer.
 * @param {Headers} headers
 */
function staleMs(headers) {
  const own = headers
    .get('cache-status')
    ?.split(',')
    .find((cache) => /^\s*headway\s*;/.test(cache));
  const seconds = /;\s*ttl=-(\d+)/.exec(own ?? '')?.[1];
  return seconds === undefined ? undefined : 1000 * Number(seconds);
}

/**
 * A proxy whose service is away may say 404 as well: only the service's own word counts.
 * @param {number} status
 * @param {string} problemType
 */
function refusalOf(status, problemType) {
  if (problemType.endsWith('/unknown-task')) return 'gone';
  if (problemType.endsWith('/too-many-watchers')) return 'crowded';
  return status === 503 ? 'unavailable' : 'lost';
}
