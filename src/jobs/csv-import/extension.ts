/**
 * What the CSV import adds to the parent: the form and the sample on the start page, the view of its result,
 * the routes of datasets, a sweep, and invariants.
 */
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
    meaning: 'imported rows that no dataset shows and no import will go on with',
    run: sweepReplacedImports,
  },
  invariants,
} satisfies Extension;
