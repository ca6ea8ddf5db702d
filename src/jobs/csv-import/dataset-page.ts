/** The page of a dataset: its size and its first rows. */
import { html } from 'ghtml';
import { formatCount, formatNumber } from '../../../public/format.js';
import { time } from '../../api/pages/elements.ts';
import { renderDocument } from '../../api/pages/layout.ts';
import type { DatasetView } from './datasets.ts';

export function renderDatasetPage(dataset: DatasetView): string {
  const main = html`
<h1 dir="auto">${dataset.name}</h1>
<p class="lead">${formatCount(dataset.rowCount, 'row')} in ${formatCount(dataset.columns.length, 'column')} · imported !${time(dataset.updatedAt)}</p>
!${dataset.columns.length === 0 ? '<p class="empty">This dataset has no columns.</p>' : table(dataset)}
<p><a href="/">Back to the start</a></p>
<footer class="foot"><p>Dataset <code>${dataset.id}</code></p></footer>`;
  return renderDocument({ title: `${dataset.name} · Headway`, main });
}

function table({ columns, rows, rowCount }: DatasetView): string {
  return html`<div class="scroll" role="region" aria-labelledby="rows-caption" tabindex="0">
<table class="rows">
<caption id="rows-caption">${caption(rows.length, rowCount)}</caption>
<thead><tr><th scope="col">Row</th>!${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>!${rows.map((row, index) => tableRow(columns, row, index + 1))}</tbody>
</table>
</div>`;
}

function caption(shown: number, all: number): string {
  if (all === 0) return 'This dataset has no rows.';
  return shown < all ? `The first ${formatNumber(shown)} rows` : 'All rows';
}

/** Reads only own fields, because a column may be named like a property that every object inherits. */
function tableRow(columns: string[], row: Record<string, string>, number: number): string {
  const cells = columns.map((column) => html`<td>${Object.hasOwn(row, column) ? row[column] : ''}</td>`);
  return html`<tr><th scope="row">${formatNumber(number)}</th>!${cells}</tr>`;
}
