/**
 * One line that says whether the page can be believed: since when it knows nothing new, and why.
 *
 * @import { Answer } from './poll.js'
 */
import { formatLocal } from './format.js';

/** How long it is said that all is well again. */
const relievedMs = 4000;

/** Ages are told in whole seconds: two moments that are no further apart are the same. */
const sameMs = 2000;

const reasons = {
  lost: 'Connection lost, trying again…',
  unavailable: 'The service cannot look further right now, trying again…',
  'signed-out': 'You are no longer signed in: load this page again to sign in.',
};

/** @param {HTMLElement} line an empty element with the role of a status */
export function createConnectionLine(line) {
  /** As of when the page is. */
  let knownAtMs = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    /**
     * Says what an answer tells of the connection; of what is gone, the page speaks.
     * @param {Answer<unknown>} answer
     */
    take(answer) {
      if (answer.kind === 'changed' || answer.kind === 'unchanged') heard();
      else if (answer.kind === 'unavailable') troubled(answer.kind, answer.ageMs);
      else if (answer.kind !== 'gone') troubled(answer.kind);
    },

    /**
     * Nothing more will come.
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
   * @param {number} [ageMs] of what the service remembers
   */
  function troubled(reason, ageMs) {
    if (ageMs !== undefined) remembered(Date.now() - ageMs);
    const stoodAt = formatLocal(new Date(knownAtMs), new Date());
    say(`${reasons[reason]} This is how it stood at ${stoodAt}.`, 'trouble');
  }

  /**
   * An answer may have come from memory before the service noticed that it is out of contact: so the first
   * age that is told counts, and after that only a later moment does. The line stays the same then.
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
