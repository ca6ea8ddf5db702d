/** What a person should know about an unfinished task before anything else. */
import { html } from 'ghtml';
import { formatDuration, formatNumber } from '../../../public/format.js';
import { amountOf, progressedMs, standsStill } from '../../../public/progress.js';
import type { TaskView } from '../../tasks/model/view.ts';
import type { HistoryEntry, SignsOfLife } from '../../tasks/queries/read.ts';
import { time } from './elements.ts';
import { lossWords, wayOn } from './history.ts';

/** After this time without a sign of life from its worker, the page of a running task says so. */
const silenceMs = 5000;
/** A job that has reported anything within this time goes on reporting. */
const reportingMs = 10_000;

export interface NoticesView {
  task: TaskView;
  history: HistoryEntry[];
  hasCheckpoint: boolean;
  place: number | null;
  worker: SignsOfLife | null;
  now: Date;
}

export function renderNotices(view: NoticesView): string {
  if (view.task.status === 'queued') return queuedNotices(view);
  if (view.task.status === 'running') return runningNotices(view);
  return '';
}

function queuedNotices(view: NoticesView): string {
  const { task, place, now } = view;
  // Before the time of its next try, a task has no place in the queue.
  const isDue = task.nextAttemptAt === null || new Date(task.nextAttemptAt) <= now;
  return lastTry(view) + (isDue ? placeInQueue(place) : '');
}

function runningNotices(view: NoticesView): string {
  const { history, worker, now } = view;
  return (
    (lastEnd(history)?.kind === 'worker_lost' ? lastTry(view) : '') + standstill(view) + silence(worker, now)
  );
}

function standstill(view: NoticesView): string {
  const { task, now } = view;
  if (!standsStill(task, now.getTime())) return '';
  const since = progressedMs(task);
  const seconds = (now.getTime() - since) / 1000;
  return html`<p class="notice">No progress since !${time(new Date(since))} (${formatDuration(seconds)}). ${reasonWords(view)}</p>`;
}

/** What a standstill usually means, as far as it can be known from outside. */
function reasonWords({ task, worker, now }: NoticesView): string {
  const { is } = amountOf(task);
  if (is === 'at total' || is === 'over total') {
    return 'All that the job counts is done, so it is probably finishing its work.';
  }
  const updatedMs = Date.parse(task.updatedAt);
  if (updatedMs > progressedMs(task) && now.getTime() - updatedMs < reportingMs) {
    return 'The job still reports, so it is probably doing something that it does not count.';
  }
  // Where the worker is silent, or nobody knows of it, the next notice says all that is known.
  if (worker === null || isSilent(worker, now)) return '';
  const heard = formatDuration(Math.max(1, (now.getTime() - worker.heardAt.getTime()) / 1000));
  return `The job is probably waiting for something, such as another service, or busy with one long step. Its worker is alive: it was heard from ${heard} ago.`;
}

/** The event that ended the last attempt. */
function lastEnd(history: HistoryEntry[]): HistoryEntry | undefined {
  return history.findLast(({ kind }) => ['retrying', 'handed_back', 'worker_lost', 'retried'].includes(kind));
}

function lastTry(view: NoticesView): string {
  const { task, history } = view;
  const end = lastEnd(history);
  if (end?.kind === 'worker_lost') return lostWorker(view, end);
  if (end?.kind === 'handed_back') return handedBack(view);
  // A long log may have pushed the event out of the history that is shown: the row still has the failure.
  return task.failures > 0 ? failedTry(task) : '';
}

function lostWorker(view: NoticesView, lost: HistoryEntry): string {
  return html`<p class="notice warning" data-announce>The worker that ran this task died; the task ${wayOn(view)}. ${lossWords(lost.detail)} <br><span class="when">Lost at !${time(lost.at)}.</span>!${nextTry(view.task)}</p>`;
}

function failedTry(task: TaskView): string {
  const { error, failures, maxAttempts } = task;
  const reason =
    error === null ? '' : html`: <bdi>${error.message}</bdi> <small><code>${error.code}</code></small>`;
  return html`<p class="notice warning" data-announce>Try ${failures} of ${maxAttempts} failed!${reason}!${nextTry(task)}</p>`;
}

function nextTry({ nextAttemptAt }: TaskView): string {
  return nextAttemptAt === null ? '' : html` <br>Next try: !${time(new Date(nextAttemptAt))}`;
}

function handedBack(view: NoticesView): string {
  const words = view.hasCheckpoint ? `Nothing is lost: the task ${wayOn(view)}.` : `The task ${wayOn(view)}.`;
  return html`<p class="notice" data-announce>The service was stopped while this task ran. ${words}</p>`;
}

function placeInQueue(place: number | null): string {
  if (place === null) return '';
  const words = place <= 1 ? 'Next in the queue' : `Number ${formatNumber(place)} in the queue`;
  return html`<p class="notice">${words}</p>`;
}

function silence(worker: SignsOfLife | null, now: Date): string {
  if (worker === null || !isSilent(worker, now)) return '';
  // A worker keeps its lease while a job blocks it: then no other worker takes over.
  const words =
    worker.leaseExpiresAt > now
      ? 'The worker is busy and has not reported since.'
      : 'If the worker stays silent, another one takes over.';
  return html`<p class="notice warning">The worker was last heard from at !${time(worker.heardAt)}. ${words}</p>`;
}

function isSilent({ heardAt }: SignsOfLife, now: Date): boolean {
  return now.getTime() - heardAt.getTime() > silenceMs;
}
