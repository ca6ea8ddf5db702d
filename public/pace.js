/**
 * Decides, from the last answers, when a URL is asked again, and whether the next question may be held.
 *
 * @import { Reply } from './ask.js'
 */
import { backoffMs } from './wake.js';

/** How long a question is held. Short, so that a dead connection or a lost database is noticed soon. */
export const waitSeconds = 10;
/** Plain polls follow `Retry-After`, but only within these limits, as somebody looks at the page. */
const shortestPlainMs = 1000;
const longestPlainMs = 5000;
/** The pause of a hidden page, for its title. It holds no questions, as it may be one of many. */
const hiddenMs = 15_000;
/** The pause when all is finished: somebody may still retry or delete a task. A hidden page asks no more. */
const overMs = 15_000;
/** After an outage of any length, the page is up to date again within this time. */
const longestBackoffMs = 5000;
/** A service in trouble may ask for a longer pause, but not for one that makes the page seem dead. */
const longestRetryAfterMs = 30_000;
/** A large answer (such as a group of hundreds) comes with each change of any task: a pause follows it. */
const charactersPerMs = 50;
const longestSizeMs = 10_000;
/**
 * How long the page holds no questions after one of these: too many clients wait; a proxy cuts held questions
 * off; a proxy removes the version from them, so that the service does not know what the page has.
 */
const plainMs = 30_000;

export class Pace {
  /** The last answer was good, and nothing has happened since: the next question may be held. */
  #isSure = false;
  #failuresInARow = 0;
  #heldInVain = 0;
  #lateInARow = 0;
  #plainUntilMs = 0;

  /** Whether the next question may be held. */
  get mayHold() {
    return this.#isSure && !document.hidden && !this.#isPlain;
  }

  /** Call when something has happened: the next question is then plain, so that an answer comes soon. */
  doubt() {
    this.#isSure = false;
  }

  /**
   * @param {Reply<unknown>} reply
   * @param {{ asked: 'plainly' | 'to wait' | 'no slot', tookMs: number, isOver: boolean }} question
   *   `no slot`: plainly, as other windows hold all questions that a browser may hold;
   *   `isOver`: no news is expected
   * @returns {number} milliseconds until the next question; `Infinity` to wait until something wakes the page
   */
  restAfter(reply, question) {
    if (reply.kind === 'changed' || reply.kind === 'unchanged') return this.#afterAnswer(reply, question);
    if (reply.kind === 'crowded') {
      this.#holdNothing();
      return shortestPlainMs;
    }
    this.#isSure = false;
    if (reply.kind === 'interrupted' || isUnclear(reply, question)) {
      if (reply.kind === 'lost') this.#heldInVain += 1;
      if (this.#heldInVain > 1) this.#holdNothing();
      return document.hidden ? hiddenMs : 0;
    }
    this.#failuresInARow += 1;
    return Math.max(
      backoffMs(this.#failuresInARow, longestBackoffMs),
      Math.min(reply.retryAfterMs, longestRetryAfterMs),
    );
  }

  /**
   * @param {Extract<Reply<unknown>, { wasHeld: boolean }>} reply
   * @param {{ asked: 'plainly' | 'to wait' | 'no slot', tookMs: number, isOver: boolean }} question
   */
  #afterAnswer(reply, { asked, tookMs, isOver }) {
    this.#isSure = true;
    this.#failuresInARow = 0;
    if (reply.wasHeld) this.#heldInVain = 0;
    if (asked === 'to wait') {
      this.#lateInARow = isLate(reply, tookMs) ? this.#lateInARow + 1 : 0;
      if (this.#lateInARow > 1) this.#holdNothing();
    }
    if (isOver) return document.hidden ? Number.POSITIVE_INFINITY : overMs;
    if (document.hidden) return Math.max(hiddenMs, Math.min(reply.retryAfterMs, longestRetryAfterMs));
    const isWorthWaiting =
      asked === 'to wait' ? wasWorthWaiting(reply, tookMs) : asked === 'plainly' && !this.#isPlain;
    const leastMs = restOf(reply);
    if (isWorthWaiting) return leastMs;
    return Math.max(leastMs, Math.min(Math.max(reply.retryAfterMs, shortestPlainMs), longestPlainMs));
  }

  get #isPlain() {
    return performance.now() < this.#plainUntilMs;
  }

  /** For a random time, so that not all pages hold questions again at once. */
  #holdNothing() {
    this.#plainUntilMs = performance.now() + plainMs * (1 + Math.random());
  }
}

/**
 * Whether a plain question should follow before the page tells of trouble. A held question without an answer
 * may have been cut off by a proxy. One that was answered without the database does not tell what the service
 * last knew, which the answer to a plain one does.
 * @param {Reply<unknown>} reply
 * @param {{ asked: 'plainly' | 'to wait' | 'no slot' }} question
 */
export function isUnclear(reply, { asked }) {
  return (reply.kind === 'lost' || reply.kind === 'unavailable') && asked === 'to wait';
}

/**
 * Whether news came only when the time was up. Such news was there before, or came at that very moment. If it
 * happens more than once in a row, the service is not told what the page has.
 * @param {Reply<unknown>} reply
 * @param {number} tookMs
 */
function isLate(reply, tookMs) {
  return reply.kind === 'changed' && tookMs >= 1000 * waitSeconds;
}

/**
 * A pause that grows with the answer, so that answers fill neither a slow line nor a fast one.
 * @param {{ readMs: number, size: number }} reply
 */
function restOf({ readMs, size }) {
  return Math.max(readMs, Math.min(longestSizeMs, size / charactersPerMs));
}

/**
 * Whether the server held the question until it had news, or until the time was up. A server that is about to
 * stop no longer holds questions, and another kind of server never does.
 * @param {Extract<Reply<unknown>, { wasHeld: boolean }>} reply
 * @param {number} tookMs
 */
function wasWorthWaiting(reply, tookMs) {
  return reply.wasHeld && (reply.kind === 'changed' || tookMs > 900 * waitSeconds);
}
