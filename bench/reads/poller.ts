/**
 * Many clients in one process, separate from the service that they measure. A message tells what to do; the
 * answer tells how long the polls took.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../quantile.ts';

export type PollerTask =
  /** Polls the URLs in turn, `perSecond` times a second. */
  | { readonly kind: 'rate'; readonly urls: string[]; readonly perSecond: number; readonly seconds: number }
  /** Polls with one client per URL, which polls again when Retry-After tells it to. */
  | { readonly kind: 'obedient'; readonly urls: string[]; readonly seconds: number };

export interface Polled {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const latencies: number[] = [];
const [task] = (await once(process, 'message')) as [PollerTask];
const endMs = performance.now() + task.seconds * 1000;

if (task.kind === 'rate') await pollAtRate(task.urls, task.perSecond);
else await Promise.all(task.urls.map(pollObediently));
process.send?.({
  count: latencies.length,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
});
process.disconnect();
agent.destroy();

async function pollAtRate(urls: readonly string[], perSecond: number): Promise<void> {
  const startedMs = performance.now();
  const underWay: Promise<unknown>[] = [];
  for (let number = 0; performance.now() < endMs; number += 1) {
    const aheadMs = startedMs + (number * 1000) / perSecond - performance.now();
    if (aheadMs > 1) await sleep(aheadMs);
    const url = urls[number % urls.length];
    if (url !== undefined) underWay.push(poll(url));
  }
  await Promise.all(underWay);
}

async function pollObediently(url: string, index: number, all: readonly string[]): Promise<void> {
  // Spread the clients over 5 s, as real clients do not come all at once.
  await sleep((index / all.length) * 5_000);
  while (performance.now() < endMs) {
    const retryAfterSeconds = await poll(url);
    await sleep(Math.min(retryAfterSeconds * 1000, Math.max(0, endMs - performance.now())));
  }
}

/** @returns Retry-After in seconds */
function poll(url: string): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent }, (response) => {
      response.resume();
      response.on('end', () => {
        latencies.push(performance.now() - startedMs);
        if (response.statusCode === 200) resolve(Number(response.headers['retry-after'] ?? 1));
        else reject(new Error(`${response.statusCode} ${url}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
