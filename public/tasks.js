/** Makes a list of tasks on any page move, until all of them are finished. */
import { createConnectionLine } from './connection.js';
import { find } from './dom.js';
import { localiseTimes } from './local-times.js';
import { poll } from './poll.js';
import { createTaskList } from './task-list.js';
import { isFinished, isTask } from './task-words.js';

/** One answer has all tasks in it. */
const spacingMs = 1000;

/** @typedef {import('./task-list.js').ListedTask} ListedTask */

localiseTimes(document);
const element = document.querySelector('.tasks');
if (element instanceof HTMLElement) void follow(element);

/** @param {HTMLElement} element */
async function follow(element) {
  const list = createTaskList(element);
  const ids = list.unfinished;
  if (ids.length === 0) return;
  const connection = createConnectionLine(find(document, '[data-connection]', HTMLElement));
  const options = { isState: isListOfTasks, isFinished: areFinished, spacingMs };
  for await (const answer of poll(`/tasks?ids=${ids.join(',')}`, options)) {
    if (answer.kind === 'changed') list.update(answer.state.tasks);
    if (answer.kind === 'changed' || answer.kind === 'unchanged') connection.heard();
    else connection.troubled(answer.kind);
  }
}

/**
 * @param {any} body
 * @returns {body is { tasks: ListedTask[] }}
 */
function isListOfTasks(body) {
  return Array.isArray(body?.tasks) && body.tasks.every(isTask);
}

/** @param {{ tasks: ListedTask[] }} list */
function areFinished({ tasks }) {
  return tasks.every(isFinished);
}
