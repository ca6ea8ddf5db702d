/**
 * What a person is told about a group of tasks. Pure, as task-words.js is.
 *
 * @import { Task } from './task-words.js'
 */
import { formatNumber } from './format.js';
import { isFinished } from './progress.js';

/**
 * @typedef {object} Group
 * @property {string} group its name
 * @property {Pick<Task, 'status'>[]} tasks
 * @property {{ all?: string }} links `all` is there where the group may have more, older tasks
 */

/** @param {Group} group */
export function describeGroup({ group, tasks, links }) {
  const counts = countWords(tasks, links.all === undefined ? 'of' : 'of the newest');
  return {
    documentTitle: `${[counts, group].filter(Boolean).join(' · ')} · Headway`,
    counts,
    /** Whether all are finished, and how many failed: screen readers are told when this changes. */
    news: [hasUnfinished(tasks), tasks.filter(({ status }) => status === 'failed').length].join(' '),
  };
}

/** @param {Pick<Task, 'status'>[]} tasks */
export function hasUnfinished(tasks) {
  return tasks.some((task) => !isFinished(task));
}

/**
 * "3 of 7 finished · 1 failed". "Finished" means succeeded, as in the badges.
 * @param {Pick<Task, 'status'>[]} tasks
 * @param {string} of
 */
function countWords(tasks, of) {
  if (tasks.length === 0) return '';
  /** @param {Task['status']} wanted */
  const count = (wanted) => tasks.filter(({ status }) => status === wanted).length;
  const words = [`${formatNumber(count('succeeded'))} ${of} ${formatNumber(tasks.length)} finished`];
  for (const status of /** @type {const} */ (['failed', 'cancelled'])) {
    if (count(status) > 0) words.push(`${formatNumber(count(status))} ${status}`);
  }
  return words.join(' · ');
}
