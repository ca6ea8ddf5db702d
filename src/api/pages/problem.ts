/** A problem (RFC 9457) as a page, for people who followed a link or sent a form. */
import { html } from 'ghtml';
import { renderDocument } from './layout.ts';

export interface ProblemView {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { path: string; message: string }[];
}

export function renderProblemPage(problem: ProblemView): string {
  const errors = problem.errors ?? [];
  const main = html`
<div class="card">
<h1>${problem.title}</h1>
!${errors.length === 0 ? html`<p class="words">${problem.detail}</p>` : html`<ul>!${errors.map(fieldError)}</ul>`}
<p><a class="button" href="/">Back to the start</a></p>
</div>
<footer class="foot"><p>Status ${problem.status} · <code>${problem.type}</code></p></footer>`;
  return renderDocument({ title: `${problem.title} · Headway`, main });
}

/** The fields of the form on the start page, as it calls them. */
const labels = new Map([
  ['file', 'File'],
  ['dataset', 'Dataset name'],
]);

function fieldError({ path, message }: { path: string; message: string }): string {
  if (path === '') return html`<li>${message}</li>`;
  const label = labels.get(path);
  return html`<li>!${label === undefined ? html`<code>${path}</code>` : html`${label}`}: ${message}</li>`;
}
