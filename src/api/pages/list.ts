/** The page of a list of tasks: a form of its filters, one page of tasks, and the ways on. */
import { html } from 'ghtml';
import type { TaskStatus } from '../../tasks/model/state-machine.ts';
import type { TaskView } from '../../tasks/model/view.ts';
import type { TaskFilter } from '../../tasks/queries/list.ts';
import { taskList } from './elements.ts';
import { renderDocument } from './layout.ts';

export interface ListPageView {
  /** Newest first. */
  readonly tasks: TaskView[];
  readonly filter: TaskFilter;
  /** The job types to choose from. */
  readonly types: readonly string[];
  /** The URL of the next page, with older tasks; undefined on the last page. */
  readonly next: string | undefined;
  /** The URL of the first page, with the newest tasks; undefined on that page. */
  readonly newest: string | undefined;
}

export function renderListPage(view: ListPageView): string {
  const main = html`
<h1>Tasks</h1>
!${filterForm(view)}
!${view.filter.group === undefined ? '' : html`<p><a href="/groups/${encodeURIComponent(view.filter.group)}">Follow this group</a></p>`}
!${view.tasks.length === 0 ? html`<p class="empty">${emptyWords(view)}</p>` : taskList(view.tasks)}
!${pageLinks(view)}`;
  return renderDocument({ title: 'Tasks · Headway', main, script: 'tasks.js' });
}

const statusNames: Readonly<Record<TaskStatus, string>> = {
  queued: 'Waiting',
  running: 'Running',
  succeeded: 'Finished',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

function filterForm({ filter, types }: ListPageView): string {
  // The tasks of a job that no longer exists can still be listed.
  const names = [...new Set([...types, ...(filter.type === undefined ? [] : [filter.type])])];
  return html`<form method="get" action="/tasks" class="filters" role="search" aria-label="Tasks">
!${select('status', 'Status', Object.entries(statusNames), filter.status)}
!${select(
    'type',
    'Job',
    names.map((name) => [name, name]),
    filter.type,
  )}
<div class="field">
<label for="group">Group</label>
<input type="text" id="group" name="group" maxlength="200" autocomplete="off" value="${filter.group ?? ''}">
</div>
<button>Show</button>
</form>`;
}

function select(
  name: string,
  label: string,
  options: [string, string][],
  chosen: string | undefined,
): string {
  const items = options.map(([value, text]) =>
    value === chosen
      ? html`<option value="${value}" selected>${text}</option>`
      : html`<option value="${value}">${text}</option>`,
  );
  return html`<div class="field">
<label for="${name}">${label}</label>
<select id="${name}" name="${name}"><option value="">Any</option>!${items}</select>
</div>`;
}

function emptyWords({ filter, newest }: ListPageView): string {
  if (newest !== undefined) return 'No older tasks.';
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  return isFiltered ? 'No tasks like that.' : 'Nothing yet. The first task will appear here.';
}

function pageLinks({ next, newest }: ListPageView): string {
  if (next === undefined && newest === undefined) return '';
  return html`<nav class="pages" aria-label="Pages">
!${newest === undefined ? '' : html`<a href="${newest}">Newest tasks</a>`}
!${next === undefined ? '' : html`<a href="${next}" rel="next">Older tasks</a>`}
</nav>`;
}
