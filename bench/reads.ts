/** Measures the cost of a poll for the service, and of any number of polls for the database. */

import type { Comparison } from './comparison.ts';
import { measureDatabaseLoad } from './reads/database-load.ts';
import { compareThroughput } from './reads/throughput.ts';
import { print, withDatabase } from './support.ts';

export async function run(): Promise<Comparison[]> {
  const comparisons = await withDatabase(compareThroughput);
  print('');
  await withDatabase(measureDatabaseLoad);
  return comparisons;
}
