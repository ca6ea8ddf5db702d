/** The start: hand in a file, or see what is going on. */
import { html } from 'ghtml';
import { formatLimit } from '../../../public/format.js';
import type { TaskView } from '../../tasks/model/view.ts';
import { taskList } from './elements.ts';
import { renderDocument } from './layout.ts';

export interface HomeView {
  recent: TaskView[];
  maxUploadBytes: number;
  /** The job types that this service runs. */
  types: string[];
  /** Nobody needs a key: the service listens on this machine only. */
  open: boolean;
}

export function renderHome(view: HomeView): string {
  const main = html`
<h1>Follow your slow work to its end</h1>
<p class="lead">Hand in a file and watch it being imported. You may close the page at any time and come back to it.</p>
!${view.types.includes('csv-import') ? importForms(view.maxUploadBytes) : ''}
<section aria-labelledby="recent-title">
<h2 id="recent-title">Recent tasks</h2>
!${recentTasks(view.recent)}
</section>
<footer class="foot">
<p>This service runs: !${view.types.map((type) => html`<code>${type}</code>`).join(' ')}</p>
!${view.open ? '<p>No API keys are set, so everybody on this machine may use it.</p>' : signOut}
</footer>`;
  return renderDocument({ title: 'Headway', main, script: 'home.js' });
}

const signOut = '<form method="post" action="/session/end"><button>Sign out</button></form>';

function importForms(maxUploadBytes: number): string {
  return html`<section class="card" aria-labelledby="import-title">
<h2 id="import-title">Import a CSV file</h2>
<form method="post" action="/tasks/csv-import" enctype="multipart/form-data" data-upload data-max-bytes="${maxUploadBytes}">
<div class="field">
<label for="file">CSV file</label>
<input type="file" id="file" name="file" accept=".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain" required aria-describedby="file-hint">
<p class="hint" id="file-hint">Up to ${formatLimit(maxUploadBytes)}, with the names of the columns in the first line.</p>
</div>
<div class="field">
<label for="dataset">Dataset name <span class="optional">optional</span></label>
<input type="text" id="dataset" name="dataset" maxlength="100" autocomplete="off" placeholder="the file's name by default" aria-describedby="dataset-hint">
<p class="hint" id="dataset-hint">An existing dataset of this name is replaced once the import has succeeded.</p>
</div>
<details class="field">
<summary>Lines that do not fit</summary>
<label for="max-rejected">Allowed at most <span class="optional">a number of lines, or a share such as 5%</span></label>
<input type="text" id="max-rejected" name="maxRejected" maxlength="12" autocomplete="off" placeholder="50%" aria-describedby="max-rejected-hint">
<p class="hint" id="max-rejected-hint">With more of them the import fails, and the dataset stays as it was.</p>
</details>
<div class="buttons">
<button class="primary">Import</button>
</div>
<div class="upload">
<progress max="100" value="0" aria-label="Upload" hidden></progress>
<p role="status" data-upload-report></p>
</div>
</form>
<form method="post" action="/tasks/csv-import" enctype="multipart/form-data" class="sample">
<input type="hidden" name="sample" value="1">
<p>No file at hand?</p>
<button>Try a sample of 50,000 rows</button>
</form>
</section>`;
}

function recentTasks(tasks: TaskView[]): string {
  if (tasks.length === 0) return '<p class="empty">Nothing yet. The first import will appear here.</p>';
  return html`!${taskList(tasks)}
<p class="pages"><a href="/tasks">All tasks</a></p>`;
}
