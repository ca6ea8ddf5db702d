/**
 * Measures the cost of polls for the database: it comes from the ticks of each process, not from clients or
 * tasks.
 */
import { readFileSync } from 'node:fs';
import { Server } from '../servers.ts';
import { type Bench, print } from '../support.ts';
import { poll } from './poll.ts';
import type { PollerTask } from './poller.ts';
import { countReads } from './statements.ts';
import { createQueuedTasks, createRunningTasks } from './tasks.ts';

const seconds = 15;

interface Case {
  readonly name: string;
  readonly task: PollerTask;
}

export async function measureDatabaseLoad(bench: Bench): Promise<void> {
  const { databaseUrl, db } = bench;
  const server = await Server.startShipped(databaseUrl, { HEADWAY_RUNNERS: '0' });
  const urls = (ids: readonly string[]) => ids.map((id) => `${server.url}/tasks/${id}`);
  const running = urls(await createRunningTasks(db.pool, 10_000));
  const unseen = urls(await createRunningTasks(db.pool, 200 * seconds));
  const queued = urls(await createQueuedTasks(db.pool, 10_000));
  const rate = (count: number, perSecond: number): PollerTask => ({
    kind: 'rate',
    urls: running.slice(0, count),
    perSecond,
    seconds,
  });
  const cases: Case[] = [
    { name: '10 tasks, 20 polls a second', task: rate(10, 20) },
    { name: '10 tasks, 1,000 polls a second', task: rate(10, 1_000) },
    { name: '1,000 tasks, 1,000 polls a second', task: rate(1_000, 1_000) },
    { name: '10,000 tasks, 1,000 polls a second', task: rate(10_000, 1_000) },
    {
      name: '10,000 clients that obey Retry-After, a queued task each',
      task: { kind: 'obedient', urls: queued, seconds: 3 * seconds },
    },
    {
      name: '200 polls a second of tasks never seen',
      task: { kind: 'rate', urls: unseen, perSecond: 200, seconds },
    },
  ];
  print('| | polls/s | p50 ms | p99 ms | refreshes/s | first reads/s | CPU of PostgreSQL | CPU of Headway |');
  print('|---|---|---|---|---|---|---|---|');
  for (const each of cases) print(await measure(bench, server, each));
  await server.stop();
}

async function measure({ db }: Bench, server: Server, { name, task }: Case): Promise<string> {
  // Poll for 2 s before measuring: meanwhile the tasks of the previous case leave memory.
  if (task.kind === 'rate') await poll({ ...task, seconds: 2 });
  const before = {
    reads: await countReads(db),
    usage: await server.usage(),
    postgresMs: await postgresCpuMs(db),
  };
  const startedMs = performance.now();
  const polled = await poll(task);
  const elapsedMs = performance.now() - startedMs;
  const after = {
    reads: await countReads(db),
    usage: await server.usage(),
    postgresMs: await postgresCpuMs(db),
  };
  const perSecond = (count: number) => ((count * 1000) / elapsedMs).toFixed(1);
  const percent = (cpuMs: number) => `${((100 * cpuMs) / elapsedMs).toFixed(0)} %`;
  const cells = [
    name,
    perSecond(polled.count),
    polled.p50Ms.toFixed(1),
    polled.p99Ms.toFixed(1),
    perSecond(after.reads.refreshes - before.reads.refreshes),
    perSecond(after.reads.firstReads - before.reads.firstReads),
    percent(after.postgresMs - before.postgresMs),
    percent(after.usage.cpuMs - before.usage.cpuMs),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Processor time of all current processes of the server, in ms; NaN on other systems than Linux. */
async function postgresCpuMs({ pool }: Bench['db']): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pid FROM pg_stat_activity');
  const ticks = rows.map(({ pid }) => cpuTicks(pid));
  return ticks.reduce((sum, each) => sum + each, 0) * 10;
}

/** Hundredths of a second; see proc(5): utime and stime are the fields 14 and 15. */
function cpuTicks(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return Number.NaN;
  }
}
