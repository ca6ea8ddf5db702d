/** The page of a group: all its tasks, newest first. */
import { html } from 'ghtml';
import { describeGroup, hasUnfinished } from '../../../public/group-words.js';
import type { TaskView } from '../../tasks/model/view.ts';
import { taskList } from './elements.ts';
import { renderDocument } from './layout.ts';

export interface GroupPageView {
  readonly group: string;
  /** Newest first. */
  readonly tasks: TaskView[];
  /** The URL of the list of all tasks, for a group too large for this page. */
  readonly all: string | undefined;
}

/** After this time a browser without JavaScript loads the page again. */
const refreshSeconds = 5;

export function renderGroupPage({ group, tasks, all }: GroupPageView): string {
  const words = describeGroup({ group, tasks, links: all === undefined ? {} : { all } });
  const main = html`
<h1 dir="auto">${group}</h1>
<p class="lead" data-counts>${words.counts}</p>
<p class="visually-hidden" role="status" data-announcer></p>
!${taskList(tasks)}
<p class="empty" !${tasks.length > 0 ? 'hidden' : ''}>No tasks yet. The first one will appear here.</p>
!${all === undefined ? '' : html`<p class="pages"><a href="${all}">All tasks of this group</a></p>`}`;
  return renderDocument({
    title: words.documentTitle,
    main,
    script: 'group.js',
    // An empty group refreshes, too, as it waits for its first task.
    ...(tasks.length === 0 || hasUnfinished(tasks) ? { refreshSeconds } : {}),
  });
}
