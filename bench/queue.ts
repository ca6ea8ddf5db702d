/**
 * Draining a queue of no-op tasks with one runner of 10 slots, beside the least that pg-boss itself can
 * do: fetch and complete, with the same batches and as many loops, in the same run.
 */
import { PgBoss } from 'pg-boss';
import { newId } from '../src/tasks/ids.ts';
import { type Bench, median, print, withService, withServiceOn } from './support.ts';

const tasks = 2_000;
const rounds = 7;
const slots = 10;
const loops = 2;
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
    const raw: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      headway.push(await drainHeadway(bench, boss));
      raw.push(await drainRaw(boss));
    }
    await boss.stop({ graceful: false });
    const ratios = headway.map((rate, round) => rate / (raw[round] ?? rate));
    print(`draining ${tasks.toLocaleString('en')} no-op tasks, ${rounds} rounds in turn`);
    print(`  Headway, one runner, ${slots} slots                  ${median(headway).toFixed(0)} tasks/s`);
    print(`  pg-boss fetch + complete, batch ${slots}, ${loops} loops     ${median(raw).toFixed(0)} jobs/s`);
    print(`  ratio ${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`);
  });
}

/** Tasks a second, from the first claim to the last end, by the database's clock. */
async function drainHeadway({ db, databaseUrl }: Bench, boss: PgBoss): Promise<number> {
  await db.prisma.taskState.deleteMany({ where: { type } });
  const rows = Array.from({ length: tasks }, () => ({ id: newId(), entryId: newId() }));
  await db.prisma.taskState.createMany({
    data: rows.map(({ id, entryId }) => ({
      id,
      entryId,
      type,
      title: type,
      input: {},
      inputDigest: '',
      maxAttempts: 1,
    })),
  });
  await db.prisma.$executeRaw`UPDATE task_state SET input = 'null' WHERE type = ${type}`;
  await boss.insert(
    type,
    rows.map(({ id, entryId }) => ({ id: entryId, data: { taskId: id } })),
  );
  let rate = 0;
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
  return rate;
}

async function drainRaw(boss: PgBoss): Promise<number> {
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
