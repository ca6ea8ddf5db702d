/**
 * Moves what is shown of a task evenly from one known state to the next.
 *
 * Nothing is predicted. The worker's rate would tell where the task probably is by now, but it may slow
 * down or end its attempt meanwhile, and a bar that was ahead of it would have to stand still or go back.
 * So the page goes from what it shows to the newest state that it knows, in about the time until the next
 * one: it is never past what is true, at the price of being behind by as much as news is apart. At the end
 * of the work it catches up at once.
 */

/**
 * @typedef {object} Position
 * @property {number} percent
 * @property {number | null} done
 */

/** As often as workers write, at first; then as often as news has come. */
const usualIntervalMs = 500;
/** Of what comes less often the page would show too little for too long. */
const longestIntervalMs = 12_000;
/** Rarer news is believed soon, as the bar stands still meanwhile; more frequent news, slowly. */
const weightOfLonger = 0.7;
const weightOfShorter = 0.3;
/** Longer than the interval by this: news that is a little late finds the bar still moving. */
const stretch = 1.25;
/** A jump to the end would look like another task. */
const endMs = 300;
/** Numbers that change more often than that cannot be read. */
const numberMs = 100;
/** Below that a timer could not tell it from the next frame. */
const frameMs = 30;

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** @type {Set<{ step: (atMs: number) => number, finish: () => void }>} */
const moving = new Set();
let stopWaiting = () => {};
/** What is known from before is not moved on from: whoever looks at the page again sees at once how it stands. */
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
     * Shows a position at once: the first, one of another attempt.
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
     * Moves on to where the attempt has ended.
     * @param {Position} to
     */
    endAt(to) {
      go(to, endMs);
    },
  };

  /** @param {number} ms since the news before */
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
   * @returns {number} after how many milliseconds the next step can be seen
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
  // Rows are counted whole.
  return { percent, done: Number.isInteger(to.done) ? Math.floor(done) : done };
}

/**
 * One timer for all that moves, as long as anything does.
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
