/**
 * What is known of how far a task is, and what follows from it: whether the percentage is known, whether the
 * total is missing, reached or exceeded, what time is left, and until when the measured speed may be shown.
 * All of it is decided here and nowhere else. The functions are pure: the server makes the JSON and the pages
 * with them, and the browser moves the same pages with them.
 */

/**
 * The parts of a task's JSON (or of its row) that tell how far it is.
 * @typedef {object} Progress
 * @property {'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'} status
 * @property {number} percentDone
 * @property {number | null} done
 * @property {number | null} total
 * @property {number | null} ratePerSecond
 * @property {number | null} etaSeconds
 * @property {string} updatedAt
 * @property {string | null} progressedAt
 */

/** A task stands still after this time without progress at the earliest: before that, nobody wonders. */
const shortestPatienceMs = 10_000;
/** A task stands still when progress is overdue this many times. */
const missedReports = 3;
/** Nobody wonders about a pause that is short beside the time left: a tenth of it, and a minute at most. */
const pauseShare = 0.1;
const longestPauseMs = 60_000;
/** How long the first progress may take before anybody wonders. */
const firstProgressMs = 60_000;
/** The longest interval that is guessed from a rate: a rate near 0 says little of the next report. */
const longestGuessMs = 40_000;

/** @param {Pick<Progress, 'status'>} task */
export function isFinished({ status }) {
  return status !== 'queued' && status !== 'running';
}

/**
 * The percentage as the JSON tells it: with two decimals (nobody needs 55.00000000000001), and below 100 as
 * long as the exact value is below 100, which it is until the task succeeds.
 * @param {number} exact
 */
export function roundedPercent(exact) {
  return exact === 100 ? 100 : Math.min(99.99, rounded(exact, 100));
}

/**
 * Whether the percentage says how far the task is. A running task that has named no total and no percentage
 * works, but nobody knows how far it is.
 * @param {Pick<Progress, 'status' | 'percentDone' | 'total'>} task
 */
export function hasKnownShare({ status, percentDone, total }) {
  return status !== 'running' || total !== null || percentDone > 0;
}

/**
 * The value of the bar, 0 to 100; null while it is unknown how far the task is.
 * @param {Pick<Progress, 'status' | 'percentDone' | 'total'>} task
 */
export function barPercent(task) {
  return hasKnownShare(task) ? Math.min(100, Math.max(0, task.percentDone)) : null;
}

/**
 * The percentage in whole numbers; null while it is unknown. It is rounded down and stops at 99, so that only
 * a task that has succeeded reads 100.
 * @param {Pick<Progress, 'status' | 'percentDone' | 'total'>} task
 */
export function wholePercent(task) {
  const percent = barPercent(task);
  if (percent === null) return null;
  return task.status === 'succeeded' ? 100 : Math.min(99, Math.floor(percent));
}

/**
 * @typedef {{ is: 'not counted' }
 *   | { is: 'without total', done: number }
 *   | { is: 'below total' | 'at total' | 'over total', done: number, total: number }} Amount
 */

/**
 * How what is done compares with the total.
 * @param {Pick<Progress, 'done' | 'total'>} task
 * @returns {Amount}
 */
export function amountOf({ done, total }) {
  if (done === null) return { is: 'not counted' };
  if (total === null) return { is: 'without total', done };
  if (done < total) return { is: 'below total', done, total };
  return { is: done > total ? 'over total' : 'at total', done, total };
}

/**
 * The seconds that the rest probably takes, to a tenth. Null while they are unknown, and from the total on:
 * what is left then, nobody knows.
 * @param {Pick<Progress, 'status' | 'done' | 'total' | 'etaSeconds'>} task
 */
export function secondsLeft(task) {
  if (task.status !== 'running' || task.etaSeconds === null) return null;
  return amountOf(task).is === 'below total' ? rounded(task.etaSeconds, 10) : null;
}

/**
 * Whether a running task at a known rate has reached its total. How long the rest takes is unknown, but the
 * end is probably near, and whoever polls wants to see it.
 * @param {Pick<Progress, 'status' | 'done' | 'total' | 'ratePerSecond'>} task
 */
export function isNearEnd(task) {
  if (task.status !== 'running' || task.ratePerSecond === null) return false;
  const { is } = amountOf(task);
  return is === 'at total' || is === 'over total';
}

/**
 * When the task last made progress, or its attempt started. Runners from before 0.2 do not say it; then, it is
 * the last report.
 * @param {Pick<Progress, 'progressedAt' | 'updatedAt'>} task
 */
export function progressedMs({ progressedAt, updatedAt }) {
  return Date.parse(progressedAt ?? updatedAt);
}

/**
 * How long a task may make no progress before it stands still.
 * @param {Pick<Progress, 'ratePerSecond' | 'etaSeconds'>} task
 * @param {number} [usualMs] the usual time between its reports; where it is unknown, one report per unit is
 *   assumed
 */
export function patienceMs({ ratePerSecond, etaSeconds }, usualMs = guessedIntervalMs(ratePerSecond)) {
  const pauseMs = Math.min(longestPauseMs, pauseShare * 1000 * (etaSeconds ?? 0));
  return Math.max(shortestPatienceMs, missedReports * usualMs, pauseMs);
}

/**
 * Whether a running task that tells its progress has made none for longer than usual. Of a task that tells
 * nothing, nobody knows.
 * @param {Progress} task
 * @param {number} nowMs milliseconds since 1970
 */
export function standsStill(task, nowMs) {
  if (task.status !== 'running' || task.progressedAt === null) return false;
  if (task.done === null && task.percentDone === 0) return false;
  const mayTakeMs = task.ratePerSecond === null ? firstProgressMs : patienceMs(task);
  return nowMs - progressedMs(task) >= mayTakeMs;
}

/** @param {number | null} ratePerSecond */
function guessedIntervalMs(ratePerSecond) {
  return ratePerSecond ? Math.min(longestGuessMs, 1000 / ratePerSecond) : 0;
}

/**
 * A task that stands still, as it is shown: without rate and time left. Both were measured by its progress, so
 * without progress they would be shown unchanged for ever.
 * @template {Pick<Progress, 'ratePerSecond' | 'etaSeconds'>} T
 * @param {T} task
 * @returns {T}
 */
export function withoutMeasures(task) {
  return { ...task, ratePerSecond: null, etaSeconds: null };
}

/**
 * @param {number} value
 * @param {number} parts 10 for tenths
 */
function rounded(value, parts) {
  return Math.round(value * parts) / parts;
}
