/** One line that says whether the page can be believed: since when it knows nothing new, and why. */
import { formatLocal } from './format.js';

/** How long it is said that all is well again. */
const relievedMs = 4000;

const reasons = {
  lost: 'Connection lost, trying again…',
  unavailable: 'The service cannot look further right now, trying again…',
  gone: 'This is no longer here.',
  'signed-out': 'You are no longer signed in: load this page again to sign in.',
};

/** @param {HTMLElement} line an empty element with the role of a status */
export function createConnectionLine(line) {
  let heardAt = new Date();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    /** An answer has come. */
    heard() {
      heardAt = new Date();
      if (!isTroubled()) return;
      say('Connected again.', 'good');
      timer = setTimeout(() => say('', 'good'), relievedMs);
    },

    /**
     * There is no news.
     * @param {keyof typeof reasons} reason
     */
    troubled(reason) {
      say(`${reasons[reason]} This is how it stood at ${formatLocal(heardAt, new Date())}.`, 'trouble');
    },

    /**
     * Nothing more will come.
     * @param {string} words
     */
    ended(words) {
      say(words, 'end');
    },
  };

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
