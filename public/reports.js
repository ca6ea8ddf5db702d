/**
 * Whether work that runs still reports how far it is. Its rate and the time left were measured by its
 * reports: of work that stands still they would be told for ever.
 *
 * @import { Task } from './task-words.js'
 */
import { movesOn } from './task-words.js';

/** Nobody wonders before that. */
const shortestMs = 10_000;
/** Work counts as still when it has missed so many of its reports. */
const missedReports = 3;
/** A rate of next to nothing says little of when the next report will come. */
const longestGuessMs = 40_000;

/**
 * How long a task may say nothing until what was measured of it is not told any more.
 * @param {Pick<Task, 'ratePerSecond'>} task
 * @param {number} [usualMs] between its reports; where that is not known, as if each unit were reported
 */
export function patienceMs({ ratePerSecond }, usualMs = guessMs(ratePerSecond)) {
  return Math.max(shortestMs, missedReports * usualMs);
}

/** @param {number | null} ratePerSecond */
function guessMs(ratePerSecond) {
  return ratePerSecond ? Math.min(longestGuessMs, 1000 / ratePerSecond) : 0;
}

/**
 * @param {Task} task
 * @returns {Task} without what was measured of it
 */
export function withoutMeasures(task) {
  return { ...task, ratePerSecond: null, etaSeconds: null };
}

/**
 * Keeps track of a task's reports.
 * @param {() => void} onStill called when the task has said nothing for too long
 * @param {number} silentMs how long that was already
 */
export function createReports(onStill, silentMs) {
  let reportedAtMs = performance.now() - silentMs;
  let untilMs = Number.POSITIVE_INFINITY;
  /** @type {number | undefined} */
  let usualMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    /** Whether it has been silent for too long. */
    get areMissing() {
      return performance.now() >= untilMs;
    },

    /**
     * @param {Task | undefined} before the state that was shown until now
     * @param {Task} task
     */
    take(before, task) {
      if (before && before.updatedAt !== task.updatedAt) {
        reportedAtMs = performance.now();
        if (movesOn(before, task)) learn(Date.parse(task.updatedAt) - Date.parse(before.updatedAt));
      }
      untilMs = reportedAtMs + patienceMs(task, usualMs);
      clearTimeout(timer);
      if (task.status === 'running') timer = setTimeout(onStill, untilMs - performance.now());
    },
  };

  /** @param {number} ms between two reports, by the database's clock: whenever the page has asked */
  function learn(ms) {
    usualMs = usualMs === undefined ? ms : usualMs + 0.3 * (ms - usualMs);
  }
}
