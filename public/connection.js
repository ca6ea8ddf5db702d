/**
 * One line that says when the page is out of date: since when, and why.
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
     * Says what an answer tells of the connection. For `gone` the caller uses `ended`, or changes the list.
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
   * The answers before may have come from the service's memory, before it noticed that the database was away:
   * so the first age sets the time back. After that only a later time counts, so that the line does not
   * change with each answer.
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
