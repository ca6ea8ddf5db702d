/** The page of a group: all its tasks, newest first. */
import { html } from 'ghtml';
import type { TaskView } from '../../tasks/view.ts';
import { taskListItem } from './elements.ts';
import { renderDocument } from './layout.ts';

export interface GroupPageView {
  readonly group: string;
  /** Newest first. */
  readonly tasks: TaskView[];
  /** Where the rest of a large group is listed. */
  readonly all: string | undefined;
}

export function renderGroupPage({ group, tasks, all }: GroupPageView): string {
  const main = html`
<h1>${group}</h1>
!${tasks.length === 0 ? '<p class="empty">No tasks yet. The first one will appear here.</p>' : html`<ol class="tasks">!${tasks.map(taskListItem)}</ol>`}
!${all === undefined ? '' : html`<p><a href="${all}">All tasks of this group</a></p>`}`;
  return renderDocument({ title: `${group} · Headway`, main });
}
