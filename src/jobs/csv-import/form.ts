/** The form on the start page that imports a file of the person's own, or the sample. */
import { html } from 'ghtml';
import { formatLimit } from '../../../public/format.js';
import type { FormView } from '../../api/extension.ts';

export function renderForm({ maxUploadBytes }: FormView): string {
  return html`<section class="card" aria-labelledby="import-title">
<h2 id="import-title">Import a CSV file</h2>
<form method="post" action="/tasks/csv-import" enctype="multipart/form-data" data-upload data-max-bytes="${maxUploadBytes}">
<div class="field">
<label for="file">CSV file</label>
<input type="file" id="file" name="file" accept=".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain" required aria-describedby="file-hint">
<p class="hint" id="file-hint">Up to ${formatLimit(maxUploadBytes)}. The first line must name the columns.</p>
</div>
<div class="field">
<label for="dataset">Dataset name <span class="optional">optional</span></label>
<input type="text" id="dataset" name="dataset" maxlength="100" autocomplete="off" placeholder="the file's name by default" aria-describedby="dataset-hint">
<p class="hint" id="dataset-hint">If a dataset of this name exists, the import replaces it when it succeeds.</p>
</div>
<details class="field">
<summary>Lines that do not fit</summary>
<label for="max-rejected">How many may be rejected <span class="optional">a number of lines, or a share such as 5%</span></label>
<input type="text" id="max-rejected" name="maxRejected" maxlength="12" autocomplete="off" placeholder="50%" aria-describedby="max-rejected-hint">
<p class="hint" id="max-rejected-hint">If more lines are rejected, the import fails and the dataset does not change.</p>
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
