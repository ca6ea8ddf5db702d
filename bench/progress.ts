/** Measures the cost of a call of `progress()` for a job, and of a million calls for the database. */
import { median, quantile } from './quantile.ts';
import { type Bench, finished, print, submit, withService } from './support.ts';

const iterations = 1_000_000;
const sliceLength = 5_000;
/** Makes a run of 200 slices take about 20 s. */
const pauseMs = 90;
const runs = 3;

export function run(): Promise<void> {
  return withService(1, async (bench) => {
    print(
      `progress(): ${runs} tasks of ${iterations.toLocaleString('en')} calls, slices with and without in turn`,
    );
    for (let number = 0; number < runs; number += 1) await runOnce(bench);
  });
}

async function runOnce(bench: Bench): Promise<void> {
  const before = await readCounters(bench);
  const startedAt = performance.now();
  const task = await finished(await submit(bench, 'bench-progress', { iterations, sliceLength, pauseMs }));
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await readCounters(bench);

  const { plainNs, reportingNs } = task.result as { plainNs: number[]; reportingNs: number[] };
  const costs = reportingNs.map((ns, slice) => ns - (plainNs[slice] ?? 0));
  const figures = [
    `${seconds.toFixed(0)} s`,
    `work alone ${median(plainNs).toFixed(0)} ns an iteration`,
    `a call ${median(costs).toFixed(1)} ns (quartiles ${quantile(costs, 0.25).toFixed(1)} to ${quantile(costs, 0.75).toFixed(1)})`,
    `progress statements ${((after.flushes - before.flushes) / seconds).toFixed(2)} a second`,
    // The claim and the end change an indexed column, so these two updates cannot be HOT.
    `${after.updates - before.updates} updates of its row, ${after.hot - before.hot} of them HOT`,
  ];
  print(`  ${figures.join('; ')}`);
}

/** `flushes` counts the runs of the statement that writes progress, known by its CTE. */
async function readCounters({ db }: Bench) {
  await db.pool.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await db.pool.query<{ updates: number; hot: number; flushes: number }>(
    `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot,
            (SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE '%WITH sent AS%') AS flushes
     FROM pg_stat_user_tables WHERE relname = 'task_state'`,
  );
  const [counters] = rows;
  if (!counters) throw new Error('no statistics for task_state');
  return counters;
}
