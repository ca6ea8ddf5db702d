/** Reading: what a poll costs the service, and what any number of them costs the database. */
import { compareThroughput } from './reads/throughput.ts';
import { withDatabase } from './support.ts';

export async function run(): Promise<void> {
  await withDatabase(compareThroughput);
}
