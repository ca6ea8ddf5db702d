/** `POST /tasks/batch` beside pg-boss's bare `insert` of as many jobs, on the same database. */
import { PgBoss } from 'pg-boss';
import type { Database } from '../../src/database/database.ts';
import { type Comparison, rounds } from '../comparison.ts';
import { median } from '../quantile.ts';

/** Batches in a round, one after the other. */
const batches = 5;
const size = 1_000;
const body = JSON.stringify({
  tasks: Array.from({ length: size }, () => ({ type: 'bench-noop', input: null })),
});

export interface BatchTarget {
  readonly url: string;
  readonly db: Database;
  /** Deletes all that was submitted. */
  empty(): Promise<void>;
}

export async function compareBatches({ url, db, empty }: BatchTarget): Promise<Comparison> {
  const boss = new PgBoss({ connectionString: db.url, supervise: false, schedule: false, migrate: false });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.createQueue('bench-raw');
  const headway: number[] = [];
  const raw: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const own = await tasksPerSecond(() => post(url));
    await empty();
    const bare = await tasksPerSecond(() => insert(boss));
    await empty();
    // The first round only warms up.
    if (round < 0) continue;
    headway.push(own);
    raw.push(bare);
  }
  await boss.stop({ graceful: false });
  const rate = (rates: readonly number[]) => Math.round(median(rates)).toLocaleString('en');
  return {
    what: `POST /tasks/batch of ${size.toLocaleString('en')}, ${batches} in turn`,
    headway: `${rate(headway)} tasks/s`,
    peer: `insert of pg-boss: ${rate(raw)} jobs/s`,
    ratios: headway.map((own, round) => own / (raw[round] ?? own)),
  };
}

async function tasksPerSecond(submit: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  for (let batch = 0; batch < batches; batch += 1) await submit();
  return (batches * size * 1000) / (performance.now() - startedAt);
}

async function post(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/tasks/batch`, { method: 'POST', headers, body });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

async function insert(boss: PgBoss): Promise<void> {
  await boss.insert(
    'bench-raw',
    Array.from({ length: size }, () => ({ data: { input: null } })),
  );
}
