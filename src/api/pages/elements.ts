/** Small pieces of HTML that several pages are made of. */
import { html } from 'ghtml';
import { formatUtc } from '../../../public/format.js';
import { describeRow } from '../../../public/task-words.js';
import type { TaskView } from '../../tasks/view.ts';

/** In UTC; the page's script turns it into the reader's time. */
export function time(at: Date): string {
  if (Number.isNaN(at.getTime())) return 'at an unknown time';
  return html`<time datetime="${at.toISOString()}">${formatUtc(at)}</time>`;
}

/** A bar without a value shows work whose extent nobody knows. */
export function bar(value: number | null, label: string): string {
  return html`<progress max="100"!${valueAttribute(value)} aria-label="${label}"></progress>`;
}

/** A list that a script of `public/` keeps up to date, and the line in which it says how that goes. */
export function taskList(tasks: TaskView[]): string {
  return html`<ol class="tasks">
!${tasks.map(taskListItem)}
<template>!${emptyItem}</template>
</ol>
<p class="connection" role="status" data-connection></p>`;
}

function taskListItem(task: TaskView): string {
  const { status, percent, bar } = describeRow(task);
  return html`<li data-task="${task.id}" data-status="${task.status}">
<a class="name" dir="auto" href="${task.links.html}">${task.title}</a>
<span class="badge">${status}</span>
!${smallBar(bar)}
<span class="percent">${percent}</span>
<span class="when">!${time(new Date(task.createdAt))}</span>
</li>`;
}

/** What the script fills in for a task that joins the list. */
const emptyItem = html`<li>
<a class="name" dir="auto"></a>
<span class="badge"></span>
!${smallBar(0)}
<span class="percent"></span>
<span class="when"><time></time></span>
</li>`;

/** For the eye alone: the percentage stands beside it. */
function smallBar(value: number | null): string {
  return html`<progress max="100"!${valueAttribute(value)} aria-hidden="true"></progress>`;
}

function valueAttribute(percent: number | null): string {
  return percent === null ? '' : html` value="${Math.round(percent * 100) / 100}"`;
}

/** Readable for people. */
export function json(value: unknown): string {
  return html`<pre>${shortened(JSON.stringify(value, null, 2) ?? 'nothing')}</pre>`;
}

/** A long text is cut, as the JSON of the page's URL has it whole. */
export function shortened(text: string, longest = 20_000): string {
  return text.length > longest ? `${text.slice(0, longest)}\n… cut here` : text;
}
