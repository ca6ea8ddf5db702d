/** What imports add to the parent: a form and a sample, the view of their results, datasets, and their sweep. */
import type { Extension } from '../../extensions.ts';
import { renderForm } from './form.ts';
import { invariants } from './invariants.ts';
import { renderResult } from './result-view.ts';
import { datasetRoutes } from './routes.ts';
import { sampleCsv } from './sample.ts';
import { sweepReplacedImports } from './sweep.ts';

export default {
  type: 'csv-import',
  renderForm,
  renderResult,
  links: { dataset: '/datasets/{id}' },
  fieldLabels: { file: 'CSV file', dataset: 'Dataset name' },
  sample: { name: 'sample-orders.csv', contentType: 'text/csv', chunks: () => sampleCsv(50_000) },
  addRoutes: datasetRoutes,
  sweep: {
    kind: 'import_row',
    meaning: 'rows of imports that no dataset shows and nobody goes on with',
    run: sweepReplacedImports,
  },
  invariants,
} satisfies Extension;
