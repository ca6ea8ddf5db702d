/** The result of an import on its task's page. */
import { html } from 'ghtml';
import { formatCount, formatNumber } from '../../../public/format.js';
import { isRecord, shortened } from '../../api/pages/elements.ts';

/** How many rejected lines the page shows. */
const maxLines = 100;

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

/** Undefined if the value is no result of an import. */
export function renderResult(value: unknown, link: string | undefined): string | undefined {
  if (!isImport(value)) return undefined;
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

/** Encoding and delimiter; results of earlier versions do not have them. */
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
  return html`<p class="notice warning">Some characters could not be read and were replaced by �: ${where}.</p>`;
}

function nothingImported({ rejected }: ImportResult): string {
  const words =
    rejected === 0
      ? 'The file has no rows below its first line, which names the columns.'
      : 'No line fits the columns that the first line names.';
  return html`<p class="notice warning">${words} The dataset is empty.</p>`;
}

function rejectedLines({ rejected, rejectedLines: lines }: ImportResult): string {
  if (!Array.isArray(lines) || lines.length === 0) return '';
  const shown = lines.slice(0, maxLines);
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
