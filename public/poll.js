/**
 * How news of a task arrives: its URL is asked again and again, conditionally. The page knows only the
 * answers, so that long polling or a stream can take this file's place.
 *
 * @import { Task } from './task-words.js'
 */
import { isFinished } from './task-words.js';

/** So that the page moves once a second also where one answer brings nothing new, as its worker was slow to report. */
const runningIntervalMs = 500;
/** Someone is looking: a task that starts is not noticed later than this, however long the queue. */
const longestIntervalMs = 5000;
/** After an outage of any length the page is back this soon: still less often asked than while all is well. */
const longestBackoffMs = 10_000;
const timeoutMs = 10_000;

/**
 * `unreachable` is no end: the next answer comes by itself.
 * @typedef {{ kind: 'changed', task: Task } | { kind: 'unchanged' | 'unreachable' | 'gone' }} Answer
 */

/**
 * Yields an answer for each request, the last one when the task is finished or gone. Silent while the
 * page is hidden, and at once when it is visible again.
 * @param {string} url
 * @returns {AsyncGenerator<Answer, void, void>}
 */
export async function* pollTask(url) {
  let etag = '';
  /** @type {Task | undefined} */
  let task;
  let failuresInARow = 0;

  while (true) {
    await untilVisible();
    const askedAt = performance.now();
    const reply = await ask(url, etag);
    failuresInARow = reply.answer.kind === 'unreachable' ? failuresInARow + 1 : 0;
    etag = reply.etag ?? etag;
    if (reply.answer.kind === 'changed') task = reply.answer.task;

    yield reply.answer;

    if (reply.answer.kind === 'gone' || (task && isFinished(task))) return;
    if (failuresInARow > 0) await pause(Math.max(backoffMs(failuresInARow), reply.retryAfterMs));
    else await pause(askedAt + intervalMs(task, reply.retryAfterMs) - performance.now());
  }
}

/**
 * Also the page's way to its HTML: never from the cache, never for longer than the time-out.
 * @param {string} url
 * @param {Record<string, string>} headers
 */
export function request(url, headers) {
  return fetch(url, { headers, cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) });
}

/**
 * Waits, but no longer than until the network or the reader is back.
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function pause(ms) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener('online', end);
      document.removeEventListener('visibilitychange', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, ms));
    window.addEventListener('online', end);
    document.addEventListener('visibilitychange', end);
  });
}

/**
 * Exponential, with jitter: the pages that one outage has cut off do not return in step.
 * @param {number} failuresInARow
 */
export function backoffMs(failuresInARow) {
  return Math.min(longestBackoffMs, 1000 * 2 ** (failuresInARow - 1)) * (0.5 + Math.random() / 2);
}

/**
 * @param {string} url
 * @param {string} etag
 * @returns {Promise<{ answer: Answer, etag?: string, retryAfterMs: number }>}
 */
async function ask(url, etag) {
  try {
    const response = await request(url, {
      accept: 'application/json',
      ...(etag && { 'if-none-match': etag }),
    });
    const retryAfterMs = 1000 * (Number(response.headers.get('retry-after')) || 0);
    if (response.status === 304) return { answer: { kind: 'unchanged' }, retryAfterMs };
    if (response.status === 404) return { answer: { kind: 'gone' }, retryAfterMs };
    if (!response.ok) return { answer: { kind: 'unreachable' }, retryAfterMs };
    const task = /** @type {Task} */ (await response.json());
    if (typeof task.percentDone !== 'number') return { answer: { kind: 'unreachable' }, retryAfterMs };
    return { answer: { kind: 'changed', task }, etag: response.headers.get('etag') ?? '', retryAfterMs };
  } catch {
    // No network, no answer in time, or something between that answers in the service's place.
    return { answer: { kind: 'unreachable' }, retryAfterMs: 0 };
  }
}

/**
 * @param {Task | undefined} task
 * @param {number} retryAfterMs
 */
function intervalMs(task, retryAfterMs) {
  if (task?.status === 'running') return runningIntervalMs;
  return Math.min(Math.max(retryAfterMs, runningIntervalMs), longestIntervalMs);
}

/** @returns {Promise<void>} */
function untilVisible() {
  return new Promise((resolve) => {
    const check = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', check);
      resolve();
    };
    document.addEventListener('visibilitychange', check);
    check();
  });
}
