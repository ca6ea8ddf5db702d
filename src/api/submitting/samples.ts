/** Built-in files, for people who have none at hand. */
import { sampleCsv } from '../../jobs/csv-import/csv/sample.ts';

export interface Sample {
  readonly name: string;
  readonly contentType: string;
  readonly chunks: () => Iterable<Buffer>;
}

const samples: ReadonlyMap<string, Sample> = new Map([
  ['csv-import', { name: 'sample-orders.csv', contentType: 'text/csv', chunks: () => sampleCsv(50_000) }],
]);

/** The sample for a job type, where there is one. */
export function sampleFor(type: string): Sample | undefined {
  return samples.get(type);
}
