/** Small pieces of HTML that several pages are made of. */
import { html } from 'ghtml';
import { formatUtc } from '../../../public/format.js';
import { percentWords, statusWords } from '../../../public/task-words.js';
import type { TaskView } from '../../tasks/view.ts';

/** In UTC; the page's script turns it into the reader's time. */
export function time(at: Date): string {
  if (Number.isNaN(at.getTime())) return 'at an unknown time';
  return html`<time datetime="${at.toISOString()}">${formatUtc(at)}</time>`;
}

/** A bar without a value shows work whose extent nobody knows. */
export function bar(value: number | null, label: string): string {
  return value === null
    ? html`<progress max="100" aria-label="${label}"></progress>`
    : html`<progress max="100" value="${Math.round(value * 100) / 100}" aria-label="${label}"></progress>`;
}

export function taskListItem(task: TaskView): string {
  return html`<li data-status="${task.status}">
<a class="name" href="${task.links.html}">${task.title}</a>
<span class="badge">${statusWords(task)}</span>
<span class="percent">${percentWords(task)}</span>
<span class="when">!${time(new Date(task.createdAt))}</span>
</li>`;
}

/** An address that a page may link to; what else a job may have returned is no link. */
export function safeLink(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return /^\/(?![/\\])|^https?:\/\//.test(address) ? address : undefined;
}

/** Readable for people; a long value is cut, as the JSON of the page's URL has it whole. */
export function json(value: unknown): string {
  const longest = 20_000;
  const text = JSON.stringify(value, null, 2) ?? 'nothing';
  return html`<pre>${text.length > longest ? `${text.slice(0, longest)}\n… cut here` : text}</pre>`;
}
