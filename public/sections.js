/** Keeps the sections of a task's page up to date: when to load the page's HTML again, beside the polling. */
import { request } from './ask.js';
import { backoffMs, watchForWake } from './wake.js';

/**
 * After this time without news, the page loads what changes without a new version (place in the queue, last
 * sign of life). A worker counts as silent after 5 s: a look at exactly that time would miss it.
 */
const firstQuietMs = 7000;
/** The time between later loads: with a notice, which changes by itself, and without one. */
const noticeMs = 5000;
const nextQuietMs = 10_000;
/** Log lines do not change the state key: they appear after this time at the latest. */
const newsMs = 4000;
const longestBackoffMs = 10_000;

/**
 * @param {string} url the page's own
 * @param {ReturnType<typeof import('./task-view.js').createTaskView>} view
 */
export function keepSections(url, view) {
  let changedAtMs = performance.now();
  let refreshedAtMs = performance.now();
  let failuresInARow = 0;
  let isRefreshing = false;
  let isStopped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const stopWatching = watchForWake(schedule);
  schedule();

  return {
    /** Call when a state has been shown. */
    changed() {
      changedAtMs = performance.now();
      schedule();
    },

    /** Call when nothing more will come. */
    stop() {
      isStopped = true;
      stopWatching();
      clearTimeout(timer);
    },
  };

  function schedule() {
    clearTimeout(timer);
    const ms = dueInMs();
    if (!isRefreshing && !isStopped && ms < Number.POSITIVE_INFINITY)
      timer = setTimeout(refresh, Math.max(0, ms));
  }

  function dueInMs() {
    if (view.hasOutdatedSections)
      return failuresInARow === 0 ? 0 : backoffMs(failuresInARow, longestBackoffMs);
    if (view.isFinished || document.hidden) return Number.POSITIVE_INFINITY;
    const newsAtMs = changedAtMs > refreshedAtMs ? refreshedAtMs + newsMs : Number.POSITIVE_INFINITY;
    return Math.min(newsAtMs, quietAtMs()) - performance.now();
  }

  function quietAtMs() {
    const firstAtMs = changedAtMs + firstQuietMs;
    if (refreshedAtMs < firstAtMs) return firstAtMs;
    return refreshedAtMs + (view.hasNotice ? noticeMs : nextQuietMs);
  }

  async function refresh() {
    // The page was hidden meanwhile.
    if (dueInMs() === Number.POSITIVE_INFINITY) return;
    isRefreshing = true;
    await load();
    // A page from a process that lags behind counts as a failure.
    failuresInARow = view.hasOutdatedSections ? failuresInARow + 1 : 0;
    refreshedAtMs = performance.now();
    isRefreshing = false;
    schedule();
  }

  async function load() {
    try {
      const response = await request(url, { accept: 'text/html' });
      if (!response.ok) return;
      view.replaceSections(new DOMParser().parseFromString(await response.text(), 'text/html'));
    } catch {
      // No answer: the sections stay as they are until the next try.
    }
  }
}
