/** Reading: what a poll costs the service, and what any number of them costs the database. */
import { measureDatabaseLoad } from './reads/database-load.ts';
import { compareThroughput } from './reads/throughput.ts';
import { print, withDatabase } from './support.ts';

export async function run(): Promise<void> {
  await withDatabase(compareThroughput);
  print('');
  await withDatabase(measureDatabaseLoad);
}
