/**
 * Follows the progress of a running task, to notice when the task stands still. `patienceMs` decides how long
 * a task may make none.
 *
 * @import { Task } from './task-words.js'
 */
import { patienceMs, progressedMs } from './progress.js';
import { movesOn } from './task-words.js';

/**
 * @param {() => void} onStill called when the task has made no progress for too long
 * @param {number} silentMs how long the task had made no progress when the page was made
 */
export function createReports(onStill, silentMs) {
  let progressedAtMs = performance.now() - silentMs;
  /** From when on the next progress counts as missing. */
  let missingFromMs = Number.POSITIVE_INFINITY;
  /** @type {number | undefined} the usual time between two reports that move the task on */
  let usualMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    /** Whether the task has made no progress for too long. */
    get areMissing() {
      return performance.now() >= missingFromMs;
    },

    /**
     * @param {Task | undefined} before the state that was shown until now
     * @param {Task} task
     */
    take(before, task) {
      if (before && progressedMs(before) !== progressedMs(task)) {
        progressedAtMs = performance.now();
        if (movesOn(before, task)) learn(progressedMs(task) - progressedMs(before));
      }
      missingFromMs = progressedAtMs + patienceMs(task, usualMs);
      clearTimeout(timer);
      if (task.status === 'running') timer = setTimeout(onStill, missingFromMs - performance.now());
    },
  };

  /** @param {number} ms between two reports by the database's clock, so the times of polls do not matter */
  function learn(ms) {
    usualMs = usualMs === undefined ? ms : usualMs + 0.3 * (ms - usualMs);
  }
}
