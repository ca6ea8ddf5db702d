/**
 * Asks a URL once for its current state, and tells apart all ways in which it may be answered. A question may
 * be held: the server then answers when it has news or the wait is over (`Prefer: wait=N`, RFC 7240).
 */

/** The limit for an answer at once: the service itself answers within 5 s, or never. */
const answerMs = 7000;
/** How much longer than asked for a held question may take before it is given up. */
const graceMs = 4000;

/**
 * - `changed`: the state is new to the page
 * - `unchanged`: the page has the state already; where tags are lost on the way, the service sent it again
 * - `lost`: nobody answered, or something other than the service
 * - `unavailable`: the service answered 503 (its database is away), or with the last state that it knew:
 *   `ageMs` is the age of that state, `remembered` the state, unless the page has it already
 * - `crowded`: too many other clients wait, so that this question cannot be held
 * - `gone`: what was asked about no longer exists
 * - `signed-out`: the service needs a key now
 * - `interrupted`: the signal that was given has ended the question
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
 * `etag`: empty where the tag was lost on the way. `wasHeld`: the server knows how to hold questions. `readMs`: how
 * long the body took to arrive; `size`: the number of its characters.
 */

/**
 * @template State
 * @typedef {object} Question
 * @property {string} url
 * @property {string} etag of the state that the page has; empty for none
 * @property {string | number | undefined} version of the state that the page has
 * @property {number} waitSeconds how long the server may hold the question; 0 for an answer at once
 * @property {(body: any) => body is State} isState tells the service's JSON from the JSON of others
 * @property {AbortSignal} [signal] ends the question early
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
    // A plain question is the same for all clients (no version in its URL), so that a cache may answer it.
    const asked = waitSeconds > 0 && version !== undefined ? after(url, version) : url;
    const response = await request(asked, headers, { limitMs, signal });
    return await replyOf(response, { version, isState });
  } catch {
    // No network, no answer in time, or no JSON.
    return { kind: signal?.aborted ? 'interrupted' : 'lost', retryAfterMs: 0 };
  }
}

/**
 * A held question names the known version in its URL, too, as proxies that compress drop tags or alter them.
 * @param {string} url
 * @param {string | number} version
 */
function after(url, version) {
  return `${url}${url.includes('?') ? '&' : '?'}after=${encodeURIComponent(version)}`;
}

/**
 * Also loads the page's HTML. Never answers from the browser's cache, and never takes longer than the limit.
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
 * The version of a state; undefined where the state has none.
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
 * The age of an answer that the service itself calls stale, by a negative `ttl` in its part of `Cache-Status`
 * (RFC 9211); what caches on the way say does not count. Undefined for any other answer.
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
 * Looks at the type of the service's own problem, as a proxy whose service is away may answer 404, too.
 * @param {number} status
 * @param {string} problemType
 */
function refusalOf(status, problemType) {
  if (problemType.endsWith('/unknown-task')) return 'gone';
  if (problemType.endsWith('/too-many-watchers')) return 'crowded';
  return status === 503 ? 'unavailable' : 'lost';
}
