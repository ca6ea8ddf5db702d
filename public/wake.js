/** Pauses that end early when the reader comes back, the network changes, or the machine has slept. */

/** The clock is checked this often. If a check is later than this gap, nothing has run in between. */
const beatMs = 1000;
const gapMs = 3000;

/**
 * Calls `onWake` whenever open questions may be lost and the page may be out of date: the page is seen again,
 * it comes back from the browser's cache, the network comes or goes, the machine has slept.
 * @param {() => void} onWake
 * @returns {() => void} stops the calls
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
  // `Date.now()`, as the monotonic clock stands still while a machine sleeps. Timers of hidden pages are
  // often late, but a hidden page is not woken.
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
 * Waits, but only until something wakes the page.
 * @param {number} ms `Infinity` to wait for a wake only
 * @returns {Promise<boolean>} whether the page was woken
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
 * Exponential, with jitter, so that the pages that one outage has cut off do not come back all at once.
 * @param {number} failuresInARow
 * @param {number} longestMs
 */
export function backoffMs(failuresInARow, longestMs) {
  return Math.min(longestMs, 1000 * 2 ** (failuresInARow - 1)) * (0.5 + Math.random() / 2);
}
