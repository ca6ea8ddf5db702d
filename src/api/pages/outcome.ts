/** How a task ended: what it returned, or what went wrong. */
import { html } from 'ghtml';
import { formatCount, formatNumber } from '../../../public/format.js';
import type { TaskView } from '../../tasks/model/view.ts';
import type { ApiExtension } from '../extension.ts';
import { isRecord, json, shortened } from './elements.ts';

export type RenderResult = NonNullable<ApiExtension['renderResult']>;

/** @param renderResult the job's own view of its result, where it has one */
export function renderOutcome(
  task: TaskView,
  resultLink: string | undefined,
  renderResult: RenderResult = () => undefined,
): string {
  if (task.status === 'succeeded')
    return renderResult(task.result, resultLink) ?? result(task.result, resultLink);
  if (task.status === 'failed') return failure(task);
  if (task.status === 'cancelled')
    return `<h2>Cancelled</h2><p>The task was cancelled before it was finished.</p>${backToTheStart}`;
  return '';
}

function failure({ error, failures, maxAttempts }: TaskView): string {
  const isPermanent = error !== null && failures < maxAttempts;
  const tries = triesOf({ failures, maxAttempts, isPermanent });
  return html`<h2>What went wrong</h2>
<div class="notice error" data-announce>
<p class="words" dir="auto">${error?.message ?? 'The task failed without saying why.'}</p>
!${error === null ? '' : html`<p><small>Code: <code>${error.code}</code></small></p>`}
</div>
!${tries === '' ? '' : html`<p>${tries}</p>`}
!${backToTheStart}`;
}

const backToTheStart = '<p><a class="button" href="/">Back to the start</a></p>';

interface Tries {
  readonly failures: number;
  readonly maxAttempts: number;
  readonly isPermanent: boolean;
}

function triesOf({ failures, maxAttempts, isPermanent }: Tries): string {
  const words = [];
  if (failures > 1) words.push(`The task was tried ${failures} times of at most ${maxAttempts}.`);
  if (isPermanent) words.push('The task was not tried again, as that would not help.');
  return words.join(' ');
}

function result(value: unknown, link: string | undefined): string {
  const button = link === undefined ? '' : html`<p><a class="button" href="${link}">Open the result</a></p>`;
  if (value === null || value === undefined) return button && html`<h2>Result</h2>!${button}`;
  return html`<h2>Result</h2>!${button}!${isRecord(value) ? definitions(value) : json(value)}`;
}

/** A page shows at most this many fields of a result, and about this much text of them; the JSON has all. */
const maxFields = 100;
const maxFieldsLength = 50_000;

function definitions(value: Record<string, unknown>): string {
  const names = Object.keys(value);
  const items: string[] = [];
  let length = 0;
  for (const name of names.slice(0, maxFields)) {
    if (length > maxFieldsLength) break;
    const field = html`<div><dt>${shortened(name, 200)}</dt><dd>!${plainValue(value[name])}</dd></div>`;
    items.push(field);
    length += field.length;
  }
  if (items.length === 0) return '';
  const left = names.length - items.length;
  return html`<dl class="facts">!${items}</dl>!${left === 0 ? '' : html`<p>${formatCount(left, 'more field')} in the JSON of this task.</p>`}`;
}

function plainValue(value: unknown): string {
  if (typeof value === 'number') return html`${formatNumber(value)}`;
  if (typeof value === 'string') return html`${shortened(value)}`;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null) return 'none';
  return json(value);
}
