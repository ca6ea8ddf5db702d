/** Keeps a list of tasks up to date, on any page that has one. */
import { createConnectionLine } from './connection.js';
import { find } from './dom.js';
import { localiseTimes } from './local-times.js';
import { poll } from './poll.js';
import { isFinished } from './progress.js';
import { createTaskList } from './task-list.js';
import { isTask } from './task-words.js';

/** Each answer has all tasks in it. After a large answer, the pause is longer. */
const spacingMs = 1000;

/** @typedef {import('./task-list.js').ListedTask} ListedTask */

localiseTimes(document);
const element = document.querySelector('.tasks');
if (element instanceof HTMLElement) void follow(element);

/** @param {HTMLElement} element */
async function follow(element) {
  const list = createTaskList(element);
  const connection = createConnectionLine(find(document, '[data-connection]', HTMLElement));
  while (list.ids.length > 0 && (await followSome(list, connection)));
}

/**
 * Follows the unfinished tasks or, where there are none, all tasks, as somebody may retry one. Finished tasks
 * are left out otherwise: their results would come again with every step of another task.
 * @param {ReturnType<typeof createTaskList>} list
 * @param {ReturnType<typeof createConnectionLine>} connection
 * @returns {Promise<boolean>} true when other tasks are to be followed now
 */
async function followSome(list, connection) {
  const isOver = list.unfinished.length === 0;
  const ids = isOver ? list.ids : list.unfinished;
  const options = { isState: isListOfTasks, isFinished: areFinished, spacingMs };
  for await (const answer of poll(`/tasks?ids=${ids.join(',')}`, options)) {
    if (answer.kind === 'changed') {
      list.update(answer.state.tasks);
      list.remove(answer.state.unknown);
    }
    connection.take(answer);
    if (isOver !== (list.unfinished.length === 0)) return true;
  }
  return false;
}

/**
 * @param {any} body
 * @returns {body is { tasks: ListedTask[], unknown: string[] }}
 */
function isListOfTasks(body) {
  return Array.isArray(body?.tasks) && body.tasks.every(isTask) && Array.isArray(body.unknown);
}

/** @param {{ tasks: ListedTask[] }} list */
function areFinished({ tasks }) {
  return tasks.every(isFinished);
}
