import { Run } from '../test/support/run/run.ts';
import { printComparisons } from './comparison.ts';
import { compareThroughput } from './reads/throughput.ts';
import { withDatabase } from './support.ts';
const run = new Run();
try { printComparisons(await withDatabase(compareThroughput)); } finally { console.log(await run.end()); }
