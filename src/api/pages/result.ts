/** How a task ended: what it returned, or what went wrong. */
import { html } from 'ghtml';
import { formatCount, formatNumber } from '../../../public/format.js';
import type { TaskView } from '../../tasks/view.ts';
import { json, shortened } from './elements.ts';

export function renderOutcome(task: TaskView, resultLink: string | undefined): string {
  if (task.status === 'succeeded') return result(task.result, resultLink);
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
  if (failures > 1) words.push(`It was tried ${failures} times of at most ${maxAttempts}.`);
  if (isPermanent) words.push('It was not tried again, as that would not help.');
  return words.join(' ');
}

function result(value: unknown, link: string | undefined): string {
  if (isImport(value)) return importResult(value, link);
  const button = link === undefined ? '' : html`<p><a class="button" href="${link}">Open the result</a></p>`;
  if (value === null || value === undefined) return button && html`<h2>Result</h2>!${button}`;
  return html`<h2>Result</h2>!${button}!${isRecord(value) ? definitions(value) : json(value)}`;
}

/** A page shows so many fields of a result, and of them so much text; its JSON has all. */
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

interface ImportResult {
  imported: number;
  rejected: number;
  columns: unknown[];
  rejectedLines?: unknown;
  encoding?: unknown;
  /** Null for a file with one column. */
  delimiter?: unknown;
  damaged?: unknown;
  damagedLines?: unknown;
}

function isImport(value: unknown): value is ImportResult {
  return (
    isRecord(value) &&
    typeof value.imported === 'number' &&
    typeof value.rejected === 'number' &&
    Array.isArray(value.columns)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function importResult(value: ImportResult, link: string | undefined): string {
  return html`<h2>Result</h2>
<dl class="facts">
<div><dt>Imported</dt><dd>${formatCount(value.imported, 'row')}</dd></div>
<div><dt>Rejected</dt><dd>${formatCount(value.rejected, 'line')}</dd></div>
<div><dt>Columns</dt><dd>${formatNumber(value.columns.length)}</dd></div>
!${readAs(value)}
</dl>
!${damage(value)}
!${value.imported === 0 ? nothingImported(value) : ''}
!${link === undefined ? '' : html`<p><a class="button primary" href="${link}">Open the dataset</a></p>`}
!${rejectedLines(value)}`;
}

const delimiterNames: Readonly<Record<string, string>> = {
  ',': 'comma',
  ';': 'semicolon',
  '\t': 'tab',
  '|': 'vertical bar',
};

/** How the file was read; results of before do not say. */
function readAs({ encoding, delimiter }: ImportResult): string {
  if (typeof encoding !== 'string') return '';
  const name = typeof delimiter === 'string' ? (delimiterNames[delimiter] ?? delimiter) : 'none, one column';
  return html`<div><dt>Encoding</dt><dd>${shortened(encoding, 100)}</dd></div>
<div><dt>Delimiter</dt><dd>${shortened(name, 100)}</dd></div>`;
}

function damage({ damaged, damagedLines: lines }: ImportResult): string {
  if (typeof damaged !== 'number' || damaged === 0 || !Array.isArray(lines)) return '';
  const shown = lines.slice(0, 10).map((line) => formatNumber(Number(line)));
  const where = `${damaged === 1 ? 'line' : 'lines'} ${shown.join(', ')}${damaged > shown.length ? ' and others' : ''}`;
  return html`<p class="notice warning">Some characters could not be read and are � now: ${where}.</p>`;
}

function nothingImported({ rejected }: ImportResult): string {
  const words =
    rejected === 0
      ? 'The file has no rows below its first line, which names the columns.'
      : 'None of the lines fits the columns that the first line names.';
  return html`<p class="notice warning">${words} The dataset is empty.</p>`;
}

function rejectedLines({ rejected, rejectedLines: lines }: ImportResult): string {
  if (!Array.isArray(lines) || lines.length === 0) return '';
  const shown = lines.slice(0, maxFields);
  const rows = shown
    .filter(isRecord)
    .map(
      ({ line, reason }) =>
        html`<tr><th scope="row">${shortened(`${line}`, 20)}</th><td>${shortened(`${reason}`, 500)}</td></tr>`,
    );
  const title =
    shown.length < rejected
      ? `The first ${formatCount(shown.length, 'rejected line')}`
      : 'The rejected lines';
  return html`<details>
<summary>${title}</summary>
<div class="scroll" role="region" aria-label="${title}" tabindex="0">
<table><thead><tr><th scope="col">Line</th><th scope="col">Reason</th></tr></thead><tbody>!${rows}</tbody></table>
</div>
</details>`;
}
