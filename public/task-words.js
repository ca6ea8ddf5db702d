/**
 * What a person is told about a task, as words and one bar. Pure: the server renders the page from it,
 * and the browser moves the same elements with it, so that both always say the same.
 */
import { formatAmount, formatDuration, formatRate, formatShare } from './format.js';

/**
 * What the words need of the task's JSON.
 * @typedef {object} Task
 * @property {string} id
 * @property {string} title
 * @property {'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'} status
 * @property {number} percentDone
 * @property {number | null} done
 * @property {number | null} total
 * @property {string | null} unit
 * @property {number | null} ratePerSecond
 * @property {number | null} etaSeconds
 * @property {string | null} message
 * @property {number} attempt
 * @property {number} failures
 * @property {number} maxAttempts
 * @property {string | null} nextAttemptAt
 * @property {string | null} startedAt
 * @property {string} updatedAt
 * @property {string | null} finishedAt
 * @property {boolean} cancelRequested
 */

/**
 * @typedef {object} TaskWords
 * @property {string} documentTitle
 * @property {number | null} bar 0 to 100; null while it is unknown how far the task is
 * @property {Texts} texts
 */

/**
 * The texts of the page's `data-live` elements by name; an empty one takes no room.
 * @typedef {Record<'status' | 'try' | 'percent' | 'time' | 'done' | 'rate' | 'message', string>} Texts
 */

/**
 * @param {Task} task
 * @returns {TaskWords}
 */
export function describeTask(task) {
  const status = statusWords(task);
  const percent = percentWords(task);
  return {
    documentTitle: `${isFinished(task) || percent === '' ? status : percent} · ${task.title}`,
    bar: hasKnownShare(task) ? barValue(task) : null,
    texts: {
      status,
      try: tryWords(task),
      percent: percent === '' ? 'Working…' : percent,
      time: timeWords(task),
      done: doneWords(task),
      rate: rateWords(task),
      message: task.status === 'running' ? (task.message ?? '') : '',
    },
  };
}

/**
 * A task in a list.
 * @param {Pick<Task, 'status' | 'failures' | 'attempt' | 'cancelRequested' | 'percentDone' | 'total'>} task
 */
export function describeRow(task) {
  return {
    status: statusWords(task),
    percent: percentWords(task),
    bar: hasKnownShare(task) ? barValue(task) : null,
  };
}

/**
 * Changes with everything that the sections below the bar depend on, and with nothing that moves.
 * @param {Task} task
 */
export function stateKey(task) {
  return [task.status, task.attempt, task.failures, task.nextAttemptAt ?? '', task.cancelRequested].join(' ');
}

/**
 * Tells the JSON of a task from what others may send in the service's place.
 * @param {any} body
 * @returns {body is Task}
 */
export function isTask(body) {
  return typeof body?.percentDone === 'number' && typeof body.status === 'string';
}

/** @param {Pick<Task, 'status'>} task */
export function isFinished(task) {
  return task.status !== 'queued' && task.status !== 'running';
}

/**
 * Whether one state was read before another: answers may come from processes that lag behind. Within an
 * attempt the percentage never falls, and an attempt that has ended does not run again.
 * @param {Task} state
 * @param {Task} other
 */
export function isOlder(state, other) {
  if (state.attempt !== other.attempt) return state.attempt < other.attempt;
  if (state.status !== 'running') return false;
  return other.status !== 'running' || state.percentDone < other.percentDone;
}

/**
 * Whether one state leads to the next by work: what is between them may be shown as well.
 * @param {Task} state
 * @param {Task} next
 */
export function movesOn(state, next) {
  const isSameRun = state.status === 'running' && next.status === 'running' && state.attempt === next.attempt;
  return isSameRun && hasKnownShare(state) === hasKnownShare(next);
}

/**
 * Whether one state's work has ended in the next, as far as both say.
 * @param {Task} state
 * @param {Task} next
 */
export function endsIn(state, next) {
  const isSameRun = state.status === 'running' && state.attempt === next.attempt;
  return isSameRun && isFinished(next) && hasKnownShare(state);
}

/** @param {Pick<Task, 'status' | 'failures' | 'attempt' | 'cancelRequested'>} task */
function statusWords(task) {
  switch (task.status) {
    case 'queued':
      if (task.failures > 0) return 'Waiting to try again';
      return task.attempt > 0 ? 'Waiting to go on' : 'Waiting to start';
    case 'running':
      return task.cancelRequested ? 'Cancelling…' : 'Running';
    case 'succeeded':
      return 'Finished';
    case 'failed':
      return 'Failed';
    case 'cancelled':
      return 'Cancelled';
  }
}

/**
 * "42 %", rounded down so that nothing but success reads 100; empty while it is unknown.
 * @param {Pick<Task, 'status' | 'percentDone' | 'total'>} task
 */
function percentWords(task) {
  if (!hasKnownShare(task)) return '';
  return task.status === 'succeeded' ? '100 %' : `${Math.min(99, Math.floor(barValue(task)))} %`;
}

/**
 * A running task that has named no total and no percentage works, but nobody knows how far it is.
 * @param {Pick<Task, 'status' | 'percentDone' | 'total'>} task
 */
function hasKnownShare(task) {
  return task.status !== 'running' || task.total !== null || task.percentDone > 0;
}

/** @param {Pick<Task, 'percentDone'>} task */
function barValue(task) {
  return Math.min(100, Math.max(0, task.percentDone));
}

/**
 * Said only once it matters.
 * @param {Task} task
 */
function tryWords(task) {
  if (task.failures === 0 || task.maxAttempts < 2 || task.status === 'cancelled') return '';
  const number = task.status === 'failed' ? task.failures : task.failures + 1;
  return `try ${Math.min(number, task.maxAttempts)} of ${task.maxAttempts}`;
}

/** @param {Task} task */
function timeWords(task) {
  if (task.status === 'running' && task.etaSeconds !== null) {
    return `${formatDuration(Math.max(1, task.etaSeconds))} left`;
  }
  if (task.status !== 'succeeded' || task.startedAt === null || task.finishedAt === null) return '';
  const seconds = (Date.parse(task.finishedAt) - Date.parse(task.startedAt)) / 1000;
  // An attempt before it may have done most of the work.
  const what = task.attempt > 1 ? 'last attempt took' : 'took';
  return `${what} ${seconds < 1 ? 'less than a second' : formatDuration(seconds)}`;
}

/** @param {Task} task */
function doneWords({ done, total, unit, status }) {
  if (done === null) return '';
  if (total === null)
    return status === 'succeeded' ? formatAmount(done, unit) : `${formatAmount(done, unit)} so far`;
  if (done > total) return `${formatAmount(done, unit)}, where ${formatAmount(total, unit)} were expected`;
  return formatShare(done, total, unit);
}

/** @param {Task} task */
function rateWords({ ratePerSecond, unit, status }) {
  return status === 'running' && ratePerSecond ? formatRate(ratePerSecond, unit) : '';
}
