/**
 * Brings news to the page: it asks a URL again and again, and the service holds each question until it has
 * news. The page asks questions that are answered at once (plain polls) at first, after a failure, and where
 * the service or a proxy holds none; news is then as old as the time between two polls. Whatever the answers
 * are, the starts of two questions are at least `spacingMs` apart.
 *
 * @import { Question, Reply } from './ask.js'
 */
import { ask, versionOf } from './ask.js';
import { isUnclear, Pace, waitSeconds } from './pace.js';
import { inSlot } from './wait-slots.js';
import { pause, watchForWake } from './wake.js';

/**
 * What `poll` yields. After `lost` and `unavailable` it goes on: the next answer comes by itself.
 * @template State
 * @typedef {Exclude<Reply<State>, { kind: 'crowded' | 'interrupted' }>} Answer
 */

/**
 * @template State
 * @typedef {object} PollOptions
 * @property {(body: any) => body is State} isState
 * @property {(state: State) => boolean} isFinished after a finished state, questions are rare and not held
 * @property {number} spacingMs the shortest time from the start of one question to the start of the next
 */

/**
 * Yields each answer that says something about the state or the connection. Ends when what the URL names is
 * gone, or when the session has ended.
 * @template State
 * @param {string} url
 * @param {PollOptions<State>} options
 * @returns {AsyncGenerator<Answer<State>, void, void>}
 */
export async function* poll(url, { isState, isFinished, spacingMs }) {
  const pace = new Pace();
  let etag = '';
  /** @type {string | number | undefined} */
  let version;
  let isOver = false;

  while (true) {
    const askedAtMs = performance.now();
    const question = { url, etag, version, isState, waitSeconds: 0 };
    const { reply, asked } = await askOnce(question, pace.mayHold && !isOver);
    const news = newsIn(reply);
    if (news) {
      etag = news.etag;
      version = versionOf(news.state);
      isOver = isFinished(news.state);
    } else if (reply.kind === 'unchanged' && reply.etag) {
      etag = reply.etag;
    }
    const restMs = pace.restAfter(reply, { asked, tookMs: performance.now() - askedAtMs, isOver });

    if (reply.kind !== 'crowded' && reply.kind !== 'interrupted' && !isUnclear(reply, { asked })) yield reply;
    if (reply.kind === 'gone' || reply.kind === 'signed-out') return;

    if (await pause(restMs)) pace.doubt();
    const spacingLeftMs = askedAtMs + spacingMs - performance.now();
    if (spacingLeftMs > 0) await new Promise((resolve) => setTimeout(resolve, spacingLeftMs));
  }
}

/**
 * The new state in a reply, fresh or remembered.
 * @template State
 * @param {Reply<State>} reply
 */
export function newsIn(reply) {
  if (reply.kind === 'changed') return reply;
  return reply.kind === 'unavailable' ? reply.remembered : undefined;
}

/**
 * @template State
 * @param {Question<State>} question
 * @param {boolean} mayHold
 * @returns {Promise<{ reply: Reply<State>, asked: 'plainly' | 'to wait' | 'no slot' }>}
 */
async function askOnce(question, mayHold) {
  const reply = mayHold ? await inSlot(() => askToWait(question)) : undefined;
  if (reply) return { reply, asked: 'to wait' };
  return { reply: await ask(question), asked: mayHold ? 'no slot' : 'plainly' };
}

/**
 * Asks a question that the service holds. Ends it when the page is hidden, or when its connection may be dead.
 * @template State
 * @param {Question<State>} question
 */
async function askToWait(question) {
  const patience = new AbortController();
  const giveUp = () => patience.abort();
  const stopWatching = watchForWake(giveUp);
  document.addEventListener('visibilitychange', giveUp);
  window.addEventListener('pagehide', giveUp);
  try {
    return await ask({ ...question, waitSeconds, signal: patience.signal });
  } finally {
    stopWatching();
    document.removeEventListener('visibilitychange', giveUp);
    window.removeEventListener('pagehide', giveUp);
  }
}
