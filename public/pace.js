/**
 * When a URL is asked again, and whether that question may be held: by what the last answers were.
 *
 * @import { Reply } from './ask.js'
 */
import { backoffMs } from './wake.js';

/** Short, so that a connection that died without a word, or a database that went away, is noticed soon. */
export const waitSeconds = 10;
/** Between plain polls by `Retry-After`, within these: someone is looking. */
const shortestPlainMs = 1000;
const longestPlainMs = 5000;
/** A hidden page holds no question, as it may be one of many. Its title is kept up to date like this. */
const hiddenMs = 15_000;
/** What is over may be retried or deleted by somebody else: a look now and then, as long as the page can be seen. */
const overMs = 15_000;
/** After an outage of any length the page is back this soon. */
const longestBackoffMs = 5000;
/** A service in trouble may ask for more time, but not for so much that the page seems dead. */
const longestRetryAfterMs = 30_000;
/** A large answer, as of a group of hundreds, comes with each change of any task: it is paid for by a rest. */
const charactersPerMs = 50;
const longestSizeMs = 10_000;
/**
 * For how long nothing is held where too many wait, or where something between cuts held questions off, or takes
 * from them what the page has.
 */
const plainMs = 30_000;

export class Pace {
  /** The last answer was a good one, and nothing has happened since: the next may take its time. */
  #isSure = false;
  #failuresInARow = 0;
  #heldInVain = 0;
  #lateInARow = 0;
  #plainUntilMs = 0;

  /** Whether the next question may be held. */
  get mayHold() {
    return this.#isSure && !document.hidden && !this.#isPlain;
  }

  /** Something has happened: what follows is asked plainly, so that there is an answer soon. */
  doubt() {
    this.#isSure = false;
  }

  /**
   * @param {Reply<unknown>} reply
   * @param {{ asked: 'plainly' | 'to wait' | 'no slot', tookMs: number, isOver: boolean }} question
   *   `no slot`: plainly, though it might have been held; `isOver`: no news is expected
   * @returns {number} milliseconds until the next question; `Infinity` for when something wakes the page
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

  /** Not all pages come back at once. */
  #holdNothing() {
    this.#plainUntilMs = performance.now() + plainMs * (1 + Math.random());
  }
}

/**
 * A held question without an answer may have been cut off by what stands between, and one that ended with
 * the database away says nothing of what the service last knew: a plain one will tell, before anybody
 * hears of trouble.
 * @param {Reply<unknown>} reply
 * @param {{ asked: 'plainly' | 'to wait' | 'no slot' }} question
 */
export function isUnclear(reply, { asked }) {
  return (reply.kind === 'lost' || reply.kind === 'unavailable') && asked === 'to wait';
}

/**
 * News that comes when the time is up was there before, or came at that very moment: more than once in a row, the
 * service was not told what the page has.
 * @param {Reply<unknown>} reply
 * @param {number} tookMs
 */
function isLate(reply, tookMs) {
  return reply.kind === 'changed' && tookMs >= 1000 * waitSeconds;
}

/**
 * Neither a slow line is filled with answers nor a fast one.
 * @param {{ readMs: number, size: number }} reply
 */
function restOf({ readMs, size }) {
  return Math.max(readMs, Math.min(longestSizeMs, size / charactersPerMs));
}

/**
 * With news, or in its own time. A server that is about to stop holds nothing any more, and one that does
 * not know how to never did.
 * @param {Extract<Reply<unknown>, { wasHeld: boolean }>} reply
 * @param {number} tookMs
 */
function wasWorthWaiting(reply, tookMs) {
  return reply.wasHeld && (reply.kind === 'changed' || tookMs > 900 * waitSeconds);
}
