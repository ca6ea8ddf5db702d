/**
 * Measures one pass of all the reaper's checks over a million finished and ten thousand healthy unfinished
 * tasks.
 */
import { pino } from 'pino';
import { type Database, openDatabase } from '../src/database/database.ts';
import { TaskQueue } from '../src/tasks/queue/queue.ts';
import { Reaper } from '../src/tasks/reaper/reaper.ts';
import { addFinished } from '../test/support/finished.ts';
import { addUnfinished } from '../test/support/unfinished.ts';
import { median, quantile } from './quantile.ts';
import { print, withService } from './support.ts';

const finished = 1_000_000;
const batch = 100_000;
const unfinished = { queued: 9_000, running: 1_000, finishedEntries: 100_000 };
const passes = 50;
const tables = ['task_state', 'job_common'];

export function run(): Promise<void> {
  return withService(0, async ({ databaseUrl }) => {
    // Inserting a million tasks takes longer than a statement of the service may take.
    const db = openDatabase(databaseUrl, { name: 'headway bench', statementTimeoutMs: 600_000 });
    const queue = await TaskQueue.openAndMaintain(db, ['noop'], () => undefined);
    try {
      await fill(db);
      await measure(db, queue);
    } finally {
      await queue.close();
      await db.close();
    }
  });
}

async function fill(db: Database): Promise<void> {
  for (let count = 0; count < finished; count += batch) {
    await addFinished(db.pool, { count: batch, expireInDays: 30 });
  }
  await addUnfinished(db.pool, unfinished);
  await db.pool.query('VACUUM (ANALYZE)');
}

async function measure(db: Database, queue: TaskQueue): Promise<void> {
  const store = { db, queue, retentionDays: 30 };
  const reaper = new Reaper({ store, leaseSeconds: 15, log: pino({ level: 'silent' }) });
  const pass = async () => {
    const { rows } = await db.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    if (rows[0]) await reaper.takeFromTheDead(rows[0].now);
    await reaper.repairQueue();
  };
  await pass();
  const before = await rowsRead(db);
  const times: number[] = [];
  for (let count = 0; count < passes; count += 1) {
    const startedAt = performance.now();
    await pass();
    times.push(performance.now() - startedAt);
  }
  const after = await rowsRead(db);
  print(
    `a pass of all of the reaper's checks over ${finished.toLocaleString('en')} finished and ` +
      `${(unfinished.queued + unfinished.running).toLocaleString('en')} unfinished tasks, ${passes} passes`,
  );
  print(
    `  median ${median(times).toFixed(1)} ms, p95 ${quantile(times, 0.95).toFixed(1)} ms; put right: ${reaper.repairs.total}`,
  );
  for (const table of tables) {
    const perPass = ((after.get(table) ?? 0) - (before.get(table) ?? 0)) / passes;
    print(`  rows of ${table} read in a pass: ${perPass.toFixed(0)}`);
  }
}

/** How many rows of each table have been read so far, by sequential and index scans. */
async function rowsRead(db: Database): Promise<Map<string, number>> {
  // Each connection of the pool must publish its own counts.
  const clients = await Promise.all(Array.from({ length: 3 }, () => db.pool.connect()));
  for (const client of clients) {
    await client.query('SELECT pg_stat_force_next_flush()');
    await client.query('SELECT 1');
  }
  for (const client of clients) client.release();
  const { rows } = await db.pool.query<{ table: string; read: number }>(
    `SELECT relname AS table, (seq_tup_read + idx_tup_fetch)::float8 AS read
     FROM pg_stat_user_tables WHERE relname = ANY ($1)`,
    [tables],
  );
  return new Map(rows.map(({ table, read }) => [table, read]));
}
