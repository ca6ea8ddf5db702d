/** The start page: people submit a file, or see the recent tasks. */
import { html } from 'ghtml';
import type { TaskView } from '../../tasks/model/view.ts';
import { taskList } from './elements.ts';
import { renderDocument } from './layout.ts';

export interface HomeView {
  recent: TaskView[];
  /** HTML of the forms by which people submit tasks. */
  forms: string[];
  /** The job types that this service runs. */
  types: string[];
  /** Nobody needs a key: the service listens on this machine only. */
  open: boolean;
}

export function renderHome(view: HomeView): string {
  const main = html`
<h1>Follow your slow work to its end</h1>
<p class="lead">Hand in a file and watch it being imported. You may close the page at any time and come back to it.</p>
!${view.forms}
<section aria-labelledby="recent-title">
<h2 id="recent-title">Recent tasks</h2>
!${recentTasks(view.recent)}
</section>
<footer class="foot">
<p>This service runs: !${view.types.map((type) => html`<code>${type}</code>`).join(' ')}</p>
!${view.open ? '<p>No API keys are set, so everybody on this machine may use this service.</p>' : signOut}
</footer>`;
  return renderDocument({ title: 'Headway', main, script: 'home.js' });
}

const signOut = '<form method="post" action="/session/end"><button>Sign out</button></form>';

function recentTasks(tasks: TaskView[]): string {
  if (tasks.length === 0) return '<p class="empty">Nothing yet. The first import will appear here.</p>';
  return html`!${taskList(tasks)}
<p class="pages"><a href="/tasks">All tasks</a></p>`;
}
