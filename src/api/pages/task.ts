/**
 * A task's page, whatever its state. A script updates the bar and the `data-live` texts from the task's JSON.
 * What depends on more than the JSON lies in sections: the script replaces them by those of a newer page.
 */
import { html } from 'ghtml';
import { isFinished, patienceMs, progressedMs, withoutMeasures } from '../../../public/progress.js';
import { describeTask, stateKey } from '../../../public/task-words.js';
import type { TaskView } from '../../tasks/model/view.ts';
import type { HistoryEntry, SignsOfLife } from '../../tasks/queries/read.ts';
import { bar, time } from './elements.ts';
import { renderHistory } from './history.ts';
import { renderDocument } from './layout.ts';
import { renderNotices } from './notices.ts';
import { type RenderResult, renderOutcome } from './outcome.ts';

export interface TaskPageView {
  task: TaskView;
  history: HistoryEntry[];
  /** Whether another attempt would go on from saved progress; otherwise it starts from the beginning. */
  hasCheckpoint: boolean;
  /** The place in the queue, 1 for the next to start; null if the task is not queued or its place unknown. */
  place: number | null;
  /** The last signs of life of the worker that runs the task. */
  worker: SignsOfLife | null;
  resultLink: string | undefined;
  /** The job's own way to show its result, if it has one. */
  renderResult?: RenderResult | undefined;
  /** For tests; the present by default. */
  now?: Date;
}

/** After this time a browser without JavaScript loads the page again. */
const refreshSeconds = 2;

export function renderTaskPage(view: TaskPageView): string {
  const { task, history, hasCheckpoint, now = new Date() } = view;
  const silentMs = Math.max(0, now.getTime() - progressedMs(task));
  const words = describeTask(silentMs < patienceMs(task) ? task : withoutMeasures(task));
  const main = html`
<div class="card">
<h1 dir="auto">${task.title}</h1>
<p class="status" tabindex="-1"><span class="badge" data-live="status">${words.texts.status}</span> <span data-live="try">${words.texts.try}</span></p>
<p class="headline"><span class="percent" data-live="percent">${words.texts.percent}</span> <span data-live="time">${words.texts.time}</span></p>
!${bar(words.bar, 'Progress')}
<p class="numbers"><span data-live="done">${words.texts.done}</span> <span data-live="rate">${words.texts.rate}</span></p>
<p class="message" dir="auto" data-live="message">${words.texts.message}</p>
<p class="connection" role="status" data-connection></p>
<p class="visually-hidden" role="status" data-announcer></p>
!${section('notices', renderNotices({ ...view, now }))}
!${section('actions', actions(task))}
</div>
!${section('outcome', renderOutcome(task, view.resultLink, view.renderResult))}
!${section('history', renderHistory(history, { hasCheckpoint }))}
!${section('about', about(task))}`;
  return renderDocument({
    title: words.documentTitle,
    main,
    script: 'task.js',
    state: { status: task.status, key: stateKey(task), silentMs },
    ...(isFinished(task) ? {} : { refreshSeconds }),
  });
}

function section(id: string, content: string): string {
  return html`<div id="${id}" data-section>!${content}</div>`;
}

function actions(task: TaskView): string {
  return cancelForm(task) + retryForm(task);
}

function retryForm({ links }: TaskView): string {
  if (links.retry === undefined) return '';
  return html`<form method="post" action="${links.retry}"><button name="from" value="checkpoint">Try again</button> <button name="from" value="start">Try again from the start</button></form>`;
}

function cancelForm(task: TaskView): string {
  if (isFinished(task) || task.links.cancel === undefined) return '';
  const button = task.cancelRequested
    ? '<button disabled>Cancelling…</button>'
    : '<button>Cancel this task</button>';
  return html`<form method="post" action="${task.links.cancel}">!${button}</form>`;
}

function about(task: TaskView): string {
  return html`<footer class="foot">
<p>Submitted !${time(new Date(task.createdAt))}!${task.expiresAt === null ? '' : html` · kept until !${time(new Date(task.expiresAt))}`}</p>
<p>Job <code>${task.type}</code>!${task.group === null ? '' : html` · group <a href="/groups/${encodeURIComponent(task.group)}">${task.group}</a>`} · task <code>${task.id}</code></p>
</footer>`;
}
