/** Makes a task's page move: what polling brings is shown, and the sections below are kept up to date. */
import { backoffMs, pause, pollTask, request } from './poll.js';
import { createTaskView } from './task-view.js';

/** Without news for so long, what has no version (place in the queue, last sign of life) is looked up. */
const quietMs = 5000;
/** Log lines change no state: they appear after this at the latest. */
const sectionsMs = 15_000;

const url = location.pathname;
const root = document.querySelector('main');
if (root) await follow(createTaskView(root));

/**
 * Goes round again where the sections do not match the state that ended the polling: the page could not
 * be had, came from a process that lags behind, or the task has been retried in between.
 * @param {ReturnType<typeof createTaskView>} view
 */
async function follow(view) {
  for (let rounds = 1; ; rounds += 1) {
    await followToEnd(view);
    await refreshSections(view);
    if (!view.hasOutdatedSections()) return;
    await pause(backoffMs(rounds));
  }
}

/** @param {ReturnType<typeof createTaskView>} view */
async function followToEnd(view) {
  let changedAt = performance.now();
  let refreshedAt = performance.now();
  let isRefreshing = false;

  for await (const answer of pollTask(url)) {
    if (answer.kind === 'gone') view.showGone();
    else view.showConnection(answer.kind === 'unreachable');
    if (answer.kind === 'changed') {
      view.show(answer.task);
      changedAt = performance.now();
    }
    // Beside the polling: sections that are slow to come must not hold up the bar.
    if (answer.kind !== 'unreachable' && !isRefreshing && isDue()) void refresh();
  }

  function isDue() {
    const now = performance.now();
    const isQuiet = now - Math.max(changedAt, refreshedAt) >= quietMs;
    return isQuiet || now - refreshedAt >= sectionsMs || view.hasOutdatedSections();
  }

  async function refresh() {
    isRefreshing = true;
    await refreshSections(view);
    refreshedAt = performance.now();
    isRefreshing = false;
  }
}

/** @param {ReturnType<typeof createTaskView>} view */
async function refreshSections(view) {
  try {
    const response = await request(url, { accept: 'text/html' });
    if (!response.ok) return;
    view.replaceSections(new DOMParser().parseFromString(await response.text(), 'text/html'));
  } catch {
    // No answer: the sections stay outdated, which brings the next try.
  }
}
