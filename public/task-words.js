/**
 * What a person is told about a task, as words and one bar. Pure: the server renders the page with these
 * functions, and the browser updates the same elements with them, so that both always say the same.
 *
 * @import { Progress } from './progress.js'
 */
import { formatAmount, formatDuration, formatRate, formatShare, formatTimeLeft } from './format.js';

import { amountOf, barPercent, hasKnownShare, isFinished, wholePercent } from './progress.js';

/**
 * The parts of a task's JSON that the words and the bar are made from.
 * @typedef {Progress & TaskFacts} Task
 */

/**
 * @typedef {object} TaskFacts
 * @property {string} id
 * @property {string} title
 * @property {string | null} unit
 * @property {string | null} message
 * @property {number} attempt
 * @property {number} failures
 * @property {number} maxAttempts
 * @property {string | null} nextAttemptAt
 * @property {string | null} startedAt
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
 * The texts of the page's `data-live` elements, by name. An element with an empty text takes no room.
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
    bar: barPercent(task),
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
 * The words and the bar of a task in a list.
 * @param {Pick<Task, 'status' | 'failures' | 'attempt' | 'cancelRequested' | 'percentDone' | 'total'>} task
 */
export function describeRow(task) {
  return {
    status: statusWords(task),
    percent: percentWords(task),
    bar: barPercent(task),
  };
}

/**
 * A key that changes with all that the sections below the bar depend on, but not with progress.
 * @param {Task} task
 */
export function stateKey(task) {
  return [task.status, task.attempt, task.failures, task.nextAttemptAt ?? '', task.cancelRequested].join(' ');
}

/**
 * Tells the JSON of a task from what a proxy may send instead of the service.
 * @param {any} body
 * @returns {body is Task}
 */
export function isTask(body) {
  return typeof body?.percentDone === 'number' && typeof body.status === 'string';
}

/**
 * Whether a state is older than another: answers may come from processes that lag behind. Within an
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
 * Whether work leads from one state to the next, so that the positions between them may be shown as well.
 * @param {Task} state
 * @param {Task} next
 */
export function movesOn(state, next) {
  const isSameRun = state.status === 'running' && next.status === 'running' && state.attempt === next.attempt;
  return isSameRun && hasKnownShare(state) === hasKnownShare(next);
}

/**
 * Whether the attempt of one state has ended in the next, and its share was known.
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
 * "42 %", or nothing while the percentage is unknown.
 * @param {Pick<Task, 'status' | 'percentDone' | 'total'>} task
 */
function percentWords(task) {
  const percent = wholePercent(task);
  return percent === null ? '' : `${percent} %`;
}

/**
 * "try 2 of 3", once a try has failed and another was possible.
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
    return `${formatTimeLeft(task.etaSeconds)} left`;
  }
  if (task.status !== 'succeeded' || task.startedAt === null || task.finishedAt === null) return '';
  const seconds = (Date.parse(task.finishedAt) - Date.parse(task.startedAt)) / 1000;
  // An earlier attempt may have done most of the work.
  const what = task.attempt > 1 ? 'last attempt took' : 'took';
  return `${what} ${seconds < 1 ? 'less than a second' : formatDuration(seconds)}`;
}

/** @param {Task} task */
function doneWords(task) {
  const { unit } = task;
  const amount = amountOf(task);
  switch (amount.is) {
    case 'not counted':
      return '';
    case 'without total':
      return `${formatAmount(amount.done, unit)}${task.status === 'succeeded' ? '' : ' so far'}`;
    case 'over total':
      return `${formatAmount(amount.done, unit)}, where ${formatAmount(amount.total, unit)} were expected`;
    default:
      return formatShare(amount.done, amount.total, unit);
  }
}

/** @param {Task} task */
function rateWords({ ratePerSecond, unit, status }) {
  return status === 'running' && ratePerSecond ? formatRate(ratePerSecond, unit) : '';
}
