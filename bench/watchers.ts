/**
 * Measures the time from `progress()` in a worker process to thousands of waiting clients, by stream and long
 * poll.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createQueuedTasks } from './reads/tasks.ts';
import { Server } from './servers.ts';
import { type Bench, print, submit, withDatabase } from './support.ts';
import type { Seen, WatcherTask } from './watchers/client.ts';

const watchers = 5_000;
const tasks = 10;
const reports = 60;
const everyMs = 1_200;
const quietSeconds = 15;
const newsSeconds = 20;

export function run(): Promise<void> {
  return withDatabase(async (bench) => {
    const server = await Server.startShipped(bench.databaseUrl);
    print(`${watchers.toLocaleString('en')} watchers on one process, half by stream, half by long poll`);
    await measureQuiet(bench, server);
    await measureNews({ ...bench, url: server.url }, server);
    await server.stop();
  });
}

/** Measures what it costs to hold clients on tasks that never change. */
async function measureQuiet({ db }: Bench, server: Server): Promise<void> {
  const ids = await createQueuedTasks(db.pool, 1_000, 'bench-absent');
  const client = await Client.start(ids.map((id) => `${server.url}/tasks/${id}`));
  await sleep(2_000);
  const before = await server.usage();
  await sleep(quietSeconds * 1000);
  const after = await server.usage();
  const { open, errors } = await client.seen();
  const cpu = (after.cpuMs - before.cpuMs) / (quietSeconds * 10);
  print(
    `  nothing changes on ${ids.length} tasks: ${open} open, ${JSON.stringify(errors)} errors, ${cpu.toFixed(1)} % of a core, RSS ${after.rssMb.toFixed(0)} MB`,
  );
  client.stop();
}

async function measureNews(bench: Bench, server: Server): Promise<void> {
  const urls: string[] = [];
  for (let number = 0; number < tasks; number += 1)
    urls.push(await submit(bench, 'bench-stamps', { reports, everyMs }));
  const client = await Client.start(urls);
  await client.seen();
  const before = await server.usage();
  const startedMs = performance.now();
  await sleep(newsSeconds * 1000);
  const news = await client.seen();
  const after = await server.usage();
  const cpu = (100 * (after.cpuMs - before.cpuMs)) / (performance.now() - startedMs);
  let { ended, errors } = await client.seen();
  const deadlineMs = performance.now() + reports * everyMs * 2;
  while (ended < watchers && performance.now() < deadlineMs) {
    await sleep(500);
    ({ ended, errors } = await client.seen());
  }
  print(
    `  ${tasks} tasks that report every ${everyMs} ms: ${news.reports} reports seen, p50 ${news.p50Ms.toFixed(0)} ms, ` +
      `p99 ${news.p99Ms.toFixed(0)} ms, longest ${news.maxMs.toFixed(0)} ms after the call of progress()`,
  );
  print(
    `  ${ended} of ${watchers} have seen the end, ${JSON.stringify(errors)} errors; ${cpu.toFixed(0)} % of a core, RSS ${after.rssMb.toFixed(0)} MB`,
  );
  client.stop();
}

class Client {
  private readonly child = fork(path.join(import.meta.dirname, 'watchers/client.ts'));

  static async start(urls: string[]): Promise<Client> {
    const client = new Client();
    client.child.send({ urls, watchers } satisfies WatcherTask);
    await once(client.child, 'message');
    return client;
  }

  /** What the clients have seen since the last call. */
  async seen(): Promise<Seen> {
    this.child.send('seen');
    return ((await once(this.child, 'message')) as [Seen])[0];
  }

  stop(): void {
    this.child.disconnect();
  }
}
