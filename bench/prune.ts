/**
 * `headway prune` of 100,000 of 110,000 finished tasks while 100 tasks run: killed with kill -9 in the
 * middle, and run again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addFinished } from '../test/support/finished.ts';
import { violations } from '../test/support/invariants.ts';
import { type Bench, print, submit, withService } from './support.ts';

const old = 100_000;
const young = 10_000;
const running = 100;

export function run(): Promise<void> {
  const work = async (bench: Bench) => {
    await addFinished(bench.db.pool, { count: old });
    await addFinished(bench.db.pool, { count: young, finishedDaysAgo: 2, expireInDays: 30 });
    for (let number = 0; number < running; number += 1)
      await submit(bench, 'bench-stamps', { reports: 1_000, everyMs: 200 });
    while ((await count(bench, `status = 'running'`)) < running) await sleep(100);
    print(`prune of ${format(old)} of ${format(old + young)} finished tasks while ${running} tasks run`);

    const first = prune(bench);
    await sleep(100);
    while ((await count(bench, finishedSql)) > young + 0.6 * old) await sleep(20);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const left = await count(bench, finishedSql);
    const startedMs = performance.now();
    const second = prune(bench);
    const [code] = await once(second, 'exit');
    const seconds = (performance.now() - startedMs) / 1000;

    const found = await violations(bench);
    print(`  killed with ${format(left - young)} left; again: exit code ${code}, ${seconds.toFixed(1)} s`);
    print(
      `  finished tasks left: ${format(await count(bench, finishedSql))}; running: ${await count(bench, `status = 'running'`)}; violations of the invariants: ${found.length}`,
    );
  };
  return withService(1, work, running);
}

const finishedSql = `status IN ('succeeded', 'failed', 'cancelled')`;

function prune({ databaseUrl }: Bench): ChildProcess {
  const main = path.join(import.meta.dirname, '../src/main.ts');
  return spawn(process.execPath, [main, 'prune', '--older-than', '30d', '--yes'], {
    stdio: 'ignore',
    env: { ...process.env, DATABASE_URL: databaseUrl },
  });
}

async function count({ db }: Bench, condition: string): Promise<number> {
  const { rows } = await db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM task_state WHERE ${condition}`,
  );
  return rows[0]?.count ?? 0;
}

function format(number: number): string {
  return number.toLocaleString('en');
}
