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

export interface ProblemPageOptions {
  /** Seconds after which the page loads itself again; only where the request can be repeated. */
  readonly retryAfterSeconds?: number | undefined;
  /** The labels of the fields of the form that was sent. */
  readonly fieldLabels?: Readonly<Record<string, string>> | undefined;
}

export function renderProblemPage(
  problem: ProblemView,
  { retryAfterSeconds, fieldLabels = {} }: ProblemPageOptions = {},
): string {
  const errors = problem.errors ?? [];
  const main = html`
<div class="card">
<h1>${problem.title}</h1>
!${errors.length === 0 ? html`<p class="words" dir="auto">${problem.detail}</p>` : html`<ul>!${errors.map((error) => fieldError(error, fieldLabels))}</ul>`}
!${retryAfterSeconds === undefined ? '' : tryAgain}
<p><a class="button" href="/">Back to the start</a></p>
</div>
<footer class="foot"><p>Status ${problem.status} · <code>${problem.type}</code></p></footer>`;
  return renderDocument({
    title: `${problem.title} · Headway`,
    main,
    ...(retryAfterSeconds === undefined ? {} : { reloadSeconds: retryAfterSeconds }),
  });
}

/** An empty `href` leads to the page itself. */
const tryAgain = `<p>This page tries again by itself.</p>
<p><a class="button primary" href="">Try again</a></p>`;

function fieldError(
  { path, message }: { path: string; message: string },
  labels: Readonly<Record<string, string>>,
): string {
  if (path === '') return html`<li>${message}</li>`;
  const label = Object.hasOwn(labels, path) ? labels[path] : undefined;
  return html`<li>!${label === undefined ? html`<code>${path}</code>` : html`${label}`}: ${message}</li>`;
}
