/** Small pieces of HTML that several pages are made of. */
import { html } from 'ghtml';
import { formatUtc } from '../../../public/format.js';
import { describeRow } from '../../../public/task-words.js';
import type { TaskView } from '../../tasks/model/view.ts';

/** A time in UTC; the page's script turns it into the reader's time. */
export function time(at: Date): string {
  if (Number.isNaN(at.getTime())) return 'at an unknown time';
  return html`<time datetime="${at.toISOString()}">${formatUtc(at)}</time>`;
}

/** Without a value, the bar shows work of which nobody knows how far it is. */
export function bar(value: number | null, label: string): string {
  return html`<progress max="100"!${valueAttribute(value)} aria-label="${label}"></progress>`;
}

/** A list that a script of `public/` keeps up to date, and the line with the state of its connection. */
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

/** The empty row that the script fills in for a task that joins the list. */
const emptyItem = html`<li>
<a class="name" dir="auto"></a>
<span class="badge"></span>
!${smallBar(0)}
<span class="percent"></span>
<span class="when"><time></time></span>
</li>`;

/** Hidden from screen readers, as the percentage stands beside the bar. */
function smallBar(value: number | null): string {
  return html`<progress max="100"!${valueAttribute(value)} aria-hidden="true"></progress>`;
}

function valueAttribute(percent: number | null): string {
  return percent === null ? '' : html` value="${Math.round(percent * 100) / 100}"`;
}

/** A value as indented JSON, for people. */
export function json(value: unknown): string {
  return html`<pre>${shortened(JSON.stringify(value, null, 2) ?? 'nothing')}</pre>`;
}

/** Cuts a long text: the JSON under the page's URL has all of it. */
export function shortened(text: string, longest = 20_000): string {
  return text.length > longest ? `${text.slice(0, longest)}\n… cut here` : text;
}

/** Whether a value has named fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
