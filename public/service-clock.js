/**
 * The clock of the service, for times that the task's JSON tells: the browser's clock may be wrong by hours.
 *
 * @param {number} nowMs the service's time when the page was made
 */
export function createServiceClock(nowMs) {
  const aheadMs = Number.isFinite(nowMs) ? nowMs - Date.now() : 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return {
    get nowMs() {
      return Date.now() + aheadMs;
    },

    /**
     * Calls back once a time has passed, instead of any that was given before. Not at all where it has passed
     * already, or is no time.
     * @param {number} atMs
     * @param {() => void} callback
     */
    when(atMs, callback) {
      clearTimeout(timer);
      const leftMs = atMs - this.nowMs;
      if (leftMs >= 0) timer = setTimeout(callback, Math.min(leftMs + 1, longestMs));
    },
  };
}

/** Timers of browsers overflow after 24 days. Nobody looks at a page for so long without news. */
const longestMs = 2 ** 31 - 1;
