/**
 * The line on a page that is out of date. It says from which time the shown state is, and why no newer state
 * is shown.
 *
 * @import { Answer } from './poll.js'
 */
import { formatLocal } from './format.js';

/** How long the line says that all is well again. */
const relievedMs = 4000;

/** The service tells ages in whole seconds: two times that are no further apart than this count as the same. */
const sameMs = 2000;

const reasons = {
  lost: 'Connection lost, trying again…',
  unavailable: 'The service cannot tell what is new right now, trying again…',
  'signed-out': 'You are no longer signed in: load this page again to sign in.',
};

/** @param {HTMLElement} line an empty element with the role of a status */
export function createConnectionLine(line) {
  /** The time of the state that the page shows. */
  let knownAtMs = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    /**
     * Says what an answer tells about the connection. For `gone` it says nothing: the caller calls `ended`.
     * @param {Answer<unknown>} answer
     */
    take(answer) {
      if (answer.kind === 'changed' || answer.kind === 'unchanged') heard();
      else if (answer.kind === 'unavailable') troubled(answer.kind, answer.ageMs);
      else if (answer.kind !== 'gone') troubled(answer.kind);
    },

    /**
     * Call when no more answers will come.
     * @param {string} words
     */
    ended(words) {
      say(words, 'end');
    },
  };

  function heard() {
    knownAtMs = Date.now();
    if (!isTroubled()) return;
    say('Connected again.', 'good');
    timer = setTimeout(() => say('', 'good'), relievedMs);
  }

  /**
   * @param {keyof typeof reasons} reason
   * @param {number} [ageMs] the age of the state that the service remembers
   */
  function troubled(reason, ageMs) {
    if (ageMs !== undefined) remembered(Date.now() - ageMs);
    const stoodAt = formatLocal(new Date(knownAtMs), new Date());
    say(`${reasons[reason]} This page shows the state of ${stoodAt}.`, 'trouble');
  }

  /**
   * Earlier answers may have come from the service's memory before the service noticed that the database was
   * away, so the first age sets the time back. After that, only a later time counts: the line must not change
   * with each answer.
   * @param {number} stoodAtMs
   */
  function remembered(stoodAtMs) {
    if (!isTroubled() || stoodAtMs > knownAtMs + sameMs) knownAtMs = stoodAtMs;
  }

  function isTroubled() {
    return line.textContent !== '' && line.dataset.connection === 'trouble';
  }

  /**
   * @param {string} words
   * @param {'good' | 'trouble' | 'end'} mood
   */
  function say(words, mood) {
    clearTimeout(timer);
    line.dataset.connection = mood;
    if (line.textContent !== words) line.textContent = words;
  }
}
