/** Pauses that end early when the world has changed: the reader is back, the network, or the machine. */

/** The clock is looked at this often; a gap of so much more means that nothing ran in between. */
const beatMs = 1000;
const gapMs = 3000;

/**
 * Calls `onWake` whenever what was asked before may be lost, and the page may be out of date: it is seen
 * again, it comes back from the browser's cache, the network comes or goes, the machine has slept.
 * @param {() => void} onWake
 * @returns {() => void} ends that
 */
export function watchForWake(onWake) {
  const listening = new AbortController();
  const { signal } = listening;
  const onSeen = () => {
    if (!document.hidden) onWake();
  };
  for (const name of ['online', 'offline']) window.addEventListener(name, onSeen, { signal });
  window.addEventListener('pageshow', ({ persisted }) => persisted && onSeen(), { signal });
  for (const name of ['visibilitychange', 'resume']) document.addEventListener(name, onSeen, { signal });
  // By the clock on the wall: the other one stands still while a machine sleeps. Timers of hidden pages are late anyway.
  let lookedAt = Date.now();
  const timer = setInterval(() => {
    const passedMs = Date.now() - lookedAt;
    lookedAt += passedMs;
    if (passedMs > beatMs + gapMs) onSeen();
  }, beatMs);
  return () => {
    listening.abort();
    clearInterval(timer);
  };
}

/**
 * Waits, but no longer than until something wakes the page.
 * @param {number} ms `Infinity` for nothing but that
 * @returns {Promise<boolean>} whether it was woken
 */
export function pause(ms) {
  return new Promise((resolve) => {
    /** @param {boolean} isWoken */
    const end = (isWoken) => {
      clearTimeout(timer);
      stopWatching();
      resolve(isWoken);
    };
    const stopWatching = watchForWake(() => end(true));
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => end(false), Math.max(0, ms));
  });
}

/**
 * Exponential, with jitter: the pages that one outage has cut off do not return in step.
 * @param {number} failuresInARow
 * @param {number} longestMs
 */
export function backoffMs(failuresInARow, longestMs) {
  return Math.min(longestMs, 1000 * 2 ** (failuresInARow - 1)) * (0.5 + Math.random() / 2);
}
