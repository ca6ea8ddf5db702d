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
<p class="words">${problem.detail}</p>
!${errors.length === 0 ? '' : html`<ul>!${errors.map(fieldError)}</ul>`}
<p><a class="button" href="/">Back to the start</a></p>
</div>
<footer class="foot"><p>Status ${problem.status} · <code>${problem.type}</code></p></footer>`;
  return renderDocument({ title: `${problem.title} · Headway`, main });
}

function fieldError({ path, message }: { path: string; message: string }): string {
  return html`<li>!${path === '' ? '' : html`<code>${path}</code>: `}${message}</li>`;
}
