/**
 * Writes to a list of tasks on a page. Each row belongs to a task: a row that has not changed is not touched,
 * and new rows are made from the page's template.
 *
 * @import { Task } from './task-words.js'
 */
import { find, setBar, setText } from './dom.js';
import { localiseTimes } from './local-times.js';
import { createMotion } from './motion.js';
import { isFinished } from './progress.js';
import { describeRow, endsIn, isOlder, movesOn } from './task-words.js';

/** @typedef {Task & { createdAt: string, links: { html: string } }} ListedTask */

/** Half a pixel of a small bar. */
const stepPercent = 0.5;

/** @param {HTMLElement} list */
export function createTaskList(list) {
  /** @type {Map<string, ReturnType<typeof createRow>>} */
  const rows = new Map();
  for (const element of list.querySelectorAll('li')) {
    if (element.dataset.task !== undefined) rows.set(element.dataset.task, createRow(element));
  }

  return {
    get ids() {
      return [...rows.keys()];
    },

    /** The ids of the unfinished tasks. */
    get unfinished() {
      return [...rows].filter(([, { isFinished }]) => !isFinished).map(([id]) => id);
    },

    /**
     * Updates those of these tasks that are in the list.
     * @param {ListedTask[]} tasks
     */
    update(tasks) {
      for (const task of tasks) rows.get(task.id)?.show(task);
    },

    /**
     * Removes the rows of tasks that no longer exist.
     * @param {string[]} ids
     */
    remove(ids) {
      for (const id of ids) drop(id);
    },

    /**
     * Shows exactly these tasks, in this order.
     * @param {ListedTask[]} tasks
     */
    replace(tasks) {
      let place = list.querySelector('li');
      for (const task of tasks) {
        const { element, show } = rows.get(task.id) ?? add(task);
        show(task);
        if (element === place) place = nextRow(place);
        else list.insertBefore(element, place);
      }
      const kept = new Set(tasks.map(({ id }) => id));
      for (const id of rows.keys()) if (!kept.has(id)) drop(id);
    },
  };

  /** @param {string} id */
  function drop(id) {
    rows.get(id)?.element.remove();
    rows.delete(id);
  }

  /** @param {ListedTask} task */
  function add({ id, title, createdAt, links }) {
    const template = find(list, 'template', HTMLTemplateElement);
    const element = find(
      /** @type {DocumentFragment} */ (template.content.cloneNode(true)),
      'li',
      HTMLLIElement,
    );
    const name = find(element, 'a', HTMLAnchorElement);
    element.dataset.task = id;
    name.href = links.html;
    name.textContent = title;
    find(element, 'time', HTMLTimeElement).dateTime = createdAt;
    localiseTimes(element);
    const row = createRow(element);
    rows.set(id, row);
    return row;
  }
}

/** @param {HTMLLIElement} element */
function createRow(element) {
  const badge = find(element, '.badge', HTMLElement);
  const percent = find(element, '.percent', HTMLElement);
  const bar = find(element, 'progress', HTMLProgressElement);
  /** @type {Task | undefined} */
  let shown;
  const motion = createMotion(showPercent, { stepPercent });

  return {
    element,

    get isFinished() {
      return isFinished({ status: /** @type {Task['status']} the server's word */ (element.dataset.status) });
    },

    /** @param {Task} task */
    show(task) {
      if (shown && isOlder(task, shown)) return;
      const before = shown;
      shown = task;
      if (element.dataset.status !== task.status) element.dataset.status = task.status;
      const position = { percent: task.percentDone, done: null };
      if (before && endsIn(before, task)) motion.endAt(position);
      else if (!before || !movesOn(before, task)) motion.jump(position);
      else if (before.percentDone !== task.percentDone) motion.moveTo(position);
    },
  };

  /** @param {{ percent: number }} position */
  function showPercent(position) {
    if (!shown) return;
    const words = describeRow({ ...shown, percentDone: position.percent });
    setText(badge, words.status);
    setText(percent, words.percent);
    setBar(bar, words.bar);
  }
}

/** @param {Element} row */
function nextRow(row) {
  const next = row.nextElementSibling;
  return next instanceof HTMLLIElement ? next : null;
}
