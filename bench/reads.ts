/** Measures the cost of a poll for the service, and of any number of polls for the database. */
import { measureDatabaseLoad } from './reads/database-load.ts';
import { compareThroughput } from './reads/throughput.ts';
import { print, withDatabase } from './support.ts';

export async function run(): Promise<void> {
  await withDatabase(compareThroughput);
  print('');
  await withDatabase(measureDatabaseLoad);
}
