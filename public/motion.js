/**
 * Moves the bar and the numbers of a task evenly from one known state to the next.
 *
 * Nothing is predicted. The worker's rate would tell where the task probably is by now, but the task may slow
 * down or end its attempt meanwhile, and a bar that was ahead of it would have to stand still or go back. So
 * the page moves from the position that it shows to the newest state that it knows, in about the time until
 * the next news. The page never shows more than is true; the price is that it lags by about one interval
 * between news. When the work ends, the page catches up at once.
 */

/**
 * @typedef {object} Position
 * @property {number} percent
 * @property {number | null} done
 */

/** The expected time between news, at first: workers write this often. Later it is learned from the news. */
const usualIntervalMs = 500;
/** A longer expected time would make the page lag too far behind. */
const longestIntervalMs = 12_000;
/** The expected time grows fast, as the bar stands still when it is too short; it shrinks slowly. */
const weightOfLonger = 0.7;
const weightOfShorter = 0.3;
/** The bar moves for longer than the expected time, so that it still moves when news is a little late. */
const stretch = 1.25;
/** How long the last move takes when the work ends: a jump to the end would look like another task. */
const endMs = 300;
/** Numbers that change more often than this cannot be read. */
const numberMs = 100;
/** A shorter wait is no better than waiting for the next frame. */
const frameMs = 30;

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** @type {Set<{ step: (atMs: number) => number, finish: () => void }>} */
const moving = new Set();
let stopWaiting = () => {};
/** When the page was last shown or hidden. The first news after that is shown at once, without a move. */
let seenAtMs = 0;

document.addEventListener('visibilitychange', () => {
  seenAtMs = performance.now();
  for (const motion of moving) motion.finish();
});

/**
 * @param {(position: Position) => void} show
 * @param {{ stepPercent: number }} options the smallest movement of the bar that can be seen
 */
export function createMotion(show, { stepPercent }) {
  /** @type {Position | undefined} */
  let position;
  /** @type {{ from: Position, to: Position, startMs: number, ms: number }} */
  let way;
  let intervalMs = usualIntervalMs;
  let movedAtMs = 0;
  const motion = { step, finish };

  return {
    /**
     * Shows a position at once: the first one, or one of another attempt.
     * @param {Position} to
     */
    jump(to) {
      moving.delete(motion);
      intervalMs = usualIntervalMs;
      movedAtMs = 0;
      position = to;
      show(to);
    },

    /**
     * Moves on to a newer position of the same attempt.
     * @param {Position} to
     */
    moveTo(to) {
      if (movedAtMs > 0) learn(performance.now() - movedAtMs);
      go(to, stretch * intervalMs);
    },

    /**
     * Moves quickly to the position at which the attempt has ended.
     * @param {Position} to
     */
    endAt(to) {
      go(to, endMs);
    },
  };

  /** @param {number} ms the time since the news before */
  function learn(ms) {
    const differenceMs = Math.min(ms, longestIntervalMs) - intervalMs;
    intervalMs += (differenceMs > 0 ? weightOfLonger : weightOfShorter) * differenceMs;
  }

  /**
   * @param {Position} to
   * @param {number} ms
   */
  function go(to, ms) {
    const nowMs = performance.now();
    const isStill = movedAtMs < seenAtMs || document.hidden || stillness.matches;
    movedAtMs = nowMs;
    const from = position ?? to;
    way = { from, to: forward(from, to), startMs: nowMs, ms };
    moving.add(motion);
    if (isStill) finish();
    else schedule(0);
  }

  /**
   * @param {number} atMs
   * @returns {number} the milliseconds until the next step that can be seen
   */
  function step(atMs) {
    const { from, to, startMs, ms } = way;
    const share = Math.max(0, (atMs - startMs) / ms);
    if (share >= 1) {
      finish();
      return Number.POSITIVE_INFINITY;
    }
    position = between(from, to, share);
    show(position);
    const percentMs = (ms * stepPercent) / (to.percent - from.percent);
    const doneMs = Math.max(numberMs, ms / Math.max(0, (to.done ?? 0) - (from.done ?? 0)));
    return Math.min(percentMs, doneMs, startMs + ms - atMs);
  }

  function finish() {
    moving.delete(motion);
    position = way.to;
    show(way.to);
  }
}

/**
 * @param {Position} from
 * @param {Position} to
 * @returns {Position}
 */
function forward(from, to) {
  return { percent: Math.max(from.percent, to.percent), done: to.done };
}

/**
 * @param {Position} from
 * @param {Position} to
 * @param {number} share
 * @returns {Position}
 */
function between(from, to, share) {
  const percent = from.percent + share * (to.percent - from.percent);
  if (from.done === null || to.done === null || to.done < from.done) return { percent, done: to.done };
  const done = from.done + share * (to.done - from.done);
  // What is counted in whole numbers is shown in whole numbers.
  return { percent, done: Number.isInteger(to.done) ? Math.floor(done) : done };
}

/**
 * One timer for all motions. It stops when the last motion has ended.
 * @param {number} ms
 */
function schedule(ms) {
  stopWaiting();
  let frame = 0;
  const waitForFrame = () => {
    frame = requestAnimationFrame(stepAll);
  };
  const timer = ms > frameMs ? setTimeout(waitForFrame, ms) : waitForFrame();
  stopWaiting = () => {
    clearTimeout(timer ?? undefined);
    cancelAnimationFrame(frame);
  };
}

/** @param {number} atMs */
function stepAll(atMs) {
  const waits = [...moving].map((motion) => motion.step(atMs));
  if (moving.size > 0) schedule(Math.min(...waits));
}
