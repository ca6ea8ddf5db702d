/** What a call of `progress()` costs a job, and what a million of them cost the database. */
import { type Bench, finished, median, print, submit, withService } from './support.ts';

const rounds = 5;
const iterations = 1_000_000;

export function run(): Promise<void> {
  return withService(1, async (bench) => {
    const before = await readCounters(bench);
    const startedAt = performance.now();
    const task = await finished(await submit(bench, 'bench-progress', { rounds, iterations }));
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await readCounters(bench);

    const { plainMs, reportingMs } = task.result as { plainMs: number[]; reportingMs: number[] };
    const costs = reportingMs.map((ms, round) => ((ms - (plainMs[round] ?? 0)) / iterations) * 1e6);
    const ratios = reportingMs.map((ms, round) => ms / (plainMs[round] ?? ms));
    print(
      `progress(): ${rounds} rounds of ${iterations.toLocaleString('en')} iterations, with and without the call`,
    );
    print(`  work alone            ${((median(plainMs) / iterations) * 1e6).toFixed(0)} ns an iteration`);
    print(
      `  cost of a call        ${median(costs).toFixed(1)} ns (${costs.map((cost) => cost.toFixed(1)).join(', ')})`,
    );
    print(`  with / without        ${median(ratios).toFixed(3)}`);
    print(`  progress statements   ${((after.flushes - before.flushes) / seconds).toFixed(2)} a second`);
    const updates = after.updates - before.updates;
    print(
      `  updates of task_state ${updates}, of which HOT ${(((after.hot - before.hot) / updates) * 100).toFixed(1)} %`,
    );
  });
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
