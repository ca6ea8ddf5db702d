/** While a job blocks its runner for a minute: its page, polls of its task, and the start of other tasks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { poll } from './reads/poll.ts';
import { Server } from './servers.ts';
import { type Bench, finished, print, submit, withDatabase } from './support.ts';

const blockedSeconds = 60;
const pollsPerSecond = 200;
/** Shorter than the block, because the polls begin when the block has begun. */
const pollSeconds = 50;
const submitEveryMs = 2_500;

export function run(): Promise<void> {
  return withDatabase(async (bench) => {
    const server = await Server.startShipped(bench.databaseUrl);
    await measure({ ...bench, url: server.url });
    await server.stop();
  });
}

async function measure(bench: Bench): Promise<void> {
  const blocking = await submit(bench, 'bench-blocks', { seconds: blockedSeconds });
  // After this time the page tells that the runner was last heard from a while ago.
  await sleep(5_000);
  const polling = poll({
    kind: 'rate',
    urls: [blocking],
    perSecond: pollsPerSecond,
    seconds: pollSeconds,
  });
  const starts: number[] = [];
  const untilMs = performance.now() + pollSeconds * 1000;
  while (performance.now() < untilMs - submitEveryMs) {
    starts.push(await msToStart(bench));
    await sleep(submitEveryMs);
  }
  const page = await (await fetch(blocking, { headers: { accept: 'text/html' } })).text();
  const { count, p50Ms, p99Ms } = await polling;
  const { status } = await finished(blocking);
  print(`a job that blocks its event loop for ${blockedSeconds} s, and then has ${status}`);
  print(
    `  ${pollsPerSecond} polls a second of its task for ${pollSeconds} s (${count}): p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`,
  );
  print(
    `  ${starts.length} tasks submitted during the block: the first line of the first ${msOf(starts[0])} after the POST, of the slowest ${msOf(Math.max(...starts))}`,
  );
  print(
    `  its page says when it was last heard from: ${/last heard from at <time/.test(page) ? 'yes' : 'no'}`,
  );
}

/** Milliseconds from the POST to the job's first line. */
async function msToStart(bench: Bench): Promise<number> {
  const postedNs = process.hrtime.bigint();
  const { result } = await finished(await submit(bench, 'bench-noop', null));
  const { startedNs } = result as { startedNs: string };
  return Number(BigInt(startedNs) - postedNs) / 1e6;
}

function msOf(ms = Number.NaN): string {
  return `${ms.toFixed(0)} ms`;
}
