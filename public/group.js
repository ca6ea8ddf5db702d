/** Keeps a group's page up to date: its tasks, and new tasks that join it. */
import { createConnectionLine } from './connection.js';
import { find, setText } from './dom.js';
import { describeGroup } from './group-words.js';
import { localiseTimes } from './local-times.js';
import { poll } from './poll.js';
import { createTaskList } from './task-list.js';

/** Each answer has all tasks in it. After a large answer, the pause is longer. */
const spacingMs = 1000;

/** @typedef {import('./group-words.js').Group & { tasks: import('./task-list.js').ListedTask[] }} GroupState */

const root = document.querySelector('main');
if (root) void follow(root);

/** @param {HTMLElement} root */
async function follow(root) {
  localiseTimes(root);
  const list = createTaskList(find(root, '.tasks', HTMLElement));
  const counts = find(root, '[data-counts]', HTMLElement);
  const empty = find(root, '.empty', HTMLElement);
  const announcer = find(root, '[data-announcer]', HTMLElement);
  const connection = createConnectionLine(find(root, '[data-connection]', HTMLElement));
  /** @type {string | undefined} */
  let news;

  // A group is never finished, as tasks may join it at any time.
  for await (const answer of poll(location.pathname, {
    isState: isGroup,
    isFinished: () => false,
    spacingMs,
  })) {
    if (answer.kind === 'changed') show(answer.state);
    connection.take(answer);
  }

  /** @param {GroupState} group */
  function show(group) {
    const words = describeGroup(group);
    list.replace(group.tasks);
    empty.hidden = group.tasks.length > 0;
    setText(counts, words.counts);
    if (document.title !== words.documentTitle) document.title = words.documentTitle;
    if (news !== undefined && news !== words.news) setText(announcer, words.counts);
    news = words.news;
  }
}

/**
 * @param {any} body
 * @returns {body is GroupState}
 */
function isGroup(body) {
  return typeof body?.group === 'string' && Array.isArray(body.tasks);
}
