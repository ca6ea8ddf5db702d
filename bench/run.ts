/**
 * `npm run bench` runs all benchmarks, `npm run bench -- queue` one of them. What they compare is printed at the end,
 * as one table.
 */
import { Run } from '../test/support/run/run.ts';
import * as blocked from './blocked.ts';
import { type Comparison, printComparisons } from './comparison.ts';
import * as floods from './floods.ts';
import * as imports from './imports.ts';
import * as latency from './latency.ts';
import * as lists from './lists.ts';
import * as pages from './pages.ts';
import * as progress from './progress.ts';
import * as promises from './promises.ts';
import * as prune from './prune.ts';
import * as queue from './queue.ts';
import * as reads from './reads.ts';
import * as reaper from './reaper.ts';
import * as start from './start.ts';
import * as submits from './submits.ts';
import { print } from './support.ts';
import * as watchers from './watchers.ts';

const benchmarks = {
  progress,
  latency,
  start,
  imports,
  queue,
  submits,
  reads,
  watchers,
  lists,
  blocked,
  reaper,
  prune,
  promises,
  pages,
  floods,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  process.stderr.write(
    `No benchmark is called ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}\n`,
  );
  process.exit(1);
}

// The run ends all processes that the benchmarks start, even where this one is interrupted or killed.
const run = new Run();
try {
  const comparisons: Comparison[] = [];
  for (const [name, benchmark] of Object.entries(benchmarks)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    comparisons.push(...((await benchmark.run()) ?? []));
  }
  printComparisons(comparisons);
} finally {
  for (const line of await run.end()) {
    print(`left behind: ${line}`);
    process.exitCode = 1;
  }
}
