/**
 * Drains a queue of no-op tasks with one runner of 10 slots, and in the same run with graphile-worker at the
 * same concurrency, and with the least work that pg-boss itself needs: fetch and complete, with the same
 * batches, in one loop and in two.
 */
import { PgBoss } from 'pg-boss';
import { newId } from '../src/tasks/model/ids.ts';
import { median } from './quantile.ts';
import { GraphileQueue } from './queue/graphile.ts';
import { type Bench, print, withService, withServiceOn } from './support.ts';

const tasks = 2_000;
const rounds = 7;
const slots = 10;
/**
 * One loop matches Headway: a runner with one busy queue has one fetch under way, for all its free
 * slots.
 */
const loopCounts = [1, 2];
const type = 'bench-noop';

export function run(): Promise<void> {
  return withService(0, async (bench) => {
    const boss = new PgBoss({
      connectionString: bench.databaseUrl,
      supervise: false,
      schedule: false,
      migrate: false,
    });
    boss.on('error', () => undefined);
    await boss.start();
    await boss.createQueue('bench-raw', { retryLimit: 0 });
    const headway: number[] = [];
    const graphile = await GraphileQueue.prepare(bench.databaseUrl, slots);
    const graphileRates: number[] = [];
    const raw = new Map(loopCounts.map((loops) => [loops, [] as number[]]));
    let fetches = 0;
    for (let round = 0; round < rounds; round += 1) {
      const drained = await drainHeadway(bench, boss);
      headway.push(drained.rate);
      fetches += drained.fetches;
      graphileRates.push(await graphile.drain(tasks));
      for (const [loops, rates] of raw) rates.push(await drainRaw(boss, loops));
    }
    await Promise.all([boss.stop({ graceful: false }), graphile.close()]);
    print(`draining ${tasks.toLocaleString('en')} no-op tasks, ${rounds} rounds in turn`);
    const batch = ((tasks * rounds) / fetches).toFixed(1);
    print(
      `  Headway, one runner, ${slots} slots: ${median(headway).toFixed(0)} tasks/s, ${batch} tasks a fetch, one fetch at a time`,
    );
    printBeside(`graphile-worker, concurrency ${slots}`, headway, graphileRates);
    for (const [loops, rates] of raw) {
      printBeside(`pg-boss fetch + complete, batch ${slots}, ${loops} loop(s)`, headway, rates);
    }
  });
}

function printBeside(name: string, headway: readonly number[], rates: readonly number[]): void {
  const ratios = headway.map((rate, round) => rate / (rates[round] ?? rate));
  print(
    `  ${name}: ${median(rates).toFixed(0)} jobs/s; Headway is ${median(ratios).toFixed(2)} of it ` +
      `(${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
  );
}

/** Tasks a second, from the first claim to the last end, by the database's clock. */
async function drainHeadway(
  { db, databaseUrl }: Bench,
  boss: PgBoss,
): Promise<{ rate: number; fetches: number }> {
  await db.prisma.taskState.deleteMany({ where: { type } });
  const rows = Array.from({ length: tasks }, () => ({ id: newId(), entryId: newId() }));
  await db.prisma.taskState.createMany({
    data: rows.map(({ id, entryId }) => ({
      id,
      entryId,
      type,
      title: type,
      input: {},
      maxAttempts: 1,
    })),
  });
  await db.prisma.$executeRaw`UPDATE task_state SET input = 'null' WHERE type = ${type}`;
  await boss.insert(
    type,
    rows.map(({ id, entryId }) => ({ id: entryId, data: { taskId: id } })),
  );
  let rate = 0;
  await db.pool.query('SELECT pg_stat_statements_reset()');
  await withServiceOn(databaseUrl, 1, async () => {
    while ((await db.prisma.taskState.count({ where: { type, status: 'succeeded' } })) < tasks) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { _min, _max } = await db.prisma.taskState.aggregate({
      where: { type },
      _min: { startedAt: true },
      _max: { finishedAt: true },
    });
    rate = tasks / ((Number(_max.finishedAt) - Number(_min.startedAt)) / 1000);
  });
  const counted = await db.pool.query<{ fetches: number }>(
    `SELECT coalesce(sum(calls), 0)::int AS fetches FROM pg_stat_statements WHERE query LIKE '%WITH me AS%'`,
  );
  return { rate, fetches: counted.rows[0]?.fetches ?? 0 };
}

async function drainRaw(boss: PgBoss, loops: number): Promise<number> {
  await boss.insert(
    'bench-raw',
    Array.from({ length: tasks }, () => ({ data: { taskId: newId() } })),
  );
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: loops }, async () => {
      for (;;) {
        const jobs = await boss.fetch('bench-raw', { batchSize: slots });
        if (jobs.length === 0) return;
        await boss.complete(
          'bench-raw',
          jobs.map((job) => job.id),
        );
      }
    }),
  );
  return tasks / ((performance.now() - startedAt) / 1000);
}
