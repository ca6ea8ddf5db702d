/** What a person should know about an unfinished task before anything else. */
import { html } from 'ghtml';
import { formatNumber } from '../../../public/format.js';
import type { TaskView } from '../../tasks/view.ts';
import { time } from './elements.ts';
import type { HistoryEntry } from './history.ts';

/** A running task from which nobody has heard for so long is worth a word. */
const silenceMs = 5000;

export interface NoticesView {
  task: TaskView;
  history: HistoryEntry[];
  place: number | null;
  heardAt: Date | null;
  now: Date;
}

export function renderNotices(view: NoticesView): string {
  if (view.task.status === 'queued') return queuedNotices(view);
  if (view.task.status === 'running') return runningNotices(view);
  return '';
}

function queuedNotices({ task, history, place }: NoticesView): string {
  return [lostWorker(history), failedTry(task, history), handedBack(history), placeInQueue(place)].join('');
}

function runningNotices({ history, heardAt, now }: NoticesView): string {
  return [lostWorker(history), silence(heardAt, now)].join('');
}

/** How the last attempt that has ended did so. */
function lastEnd(history: HistoryEntry[]): HistoryEntry | undefined {
  return history.findLast(({ kind }) => ['retrying', 'handed_back', 'worker_lost', 'retried'].includes(kind));
}

function lostWorker(history: HistoryEntry[]): string {
  const end = lastEnd(history);
  const lost =
    end?.kind === 'retrying'
      ? history.findLast(({ kind, attempt }) => kind === 'worker_lost' && attempt === end.attempt)
      : end;
  if (lost?.kind !== 'worker_lost') return '';
  return html`<p class="notice warning" data-announce>The worker that ran this task died; it goes on from where it was saved. <span class="when">!${time(lost.at)}</span></p>`;
}

function failedTry(task: TaskView, history: HistoryEntry[]): string {
  if (task.failures === 0) return '';
  const next = task.nextAttemptAt === null ? '' : html`Next try: !${time(new Date(task.nextAttemptAt))}.`;
  if (lastEnd(history)?.kind === 'worker_lost') return next && html`<p class="notice">!${next}</p>`;
  const error =
    task.error === null ? '' : html`: ${task.error.message} <small><code>${task.error.code}</code></small>`;
  return html`<p class="notice warning" data-announce>Try ${task.failures} of ${task.maxAttempts} failed!${error}!${next && html`<br>!${next}`}</p>`;
}

function handedBack(history: HistoryEntry[]): string {
  if (lastEnd(history)?.kind !== 'handed_back') return '';
  return '<p class="notice" data-announce>The service was stopped while this task ran. Nothing is lost: it goes on from where it was saved.</p>';
}

function placeInQueue(place: number | null): string {
  if (place === null) return '';
  const words = place <= 1 ? 'Next in the queue' : `Number ${formatNumber(place)} in the queue`;
  return html`<p class="notice">${words}</p>`;
}

function silence(heardAt: Date | null, now: Date): string {
  if (heardAt === null || now.getTime() - heardAt.getTime() <= silenceMs) return '';
  return html`<p class="notice warning">Last heard from !${time(heardAt)}. If the worker stays silent, another one takes over.</p>`;
}
