/**
 * Runs autocannon in a separate process. A message tells what to request; the answer has the measurements.
 */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { CannonTask, Load } from './load.ts';

interface Client {
  setRequests(requests: readonly { path: string; method?: string; body?: string }[]): void;
}

/** The part of autocannon's API that is used here, as autocannon has no types. */
type Autocannon = (options: {
  url: string;
  connections: number;
  duration: number;
  headers: Readonly<Record<string, string>>;
  setupClient: (client: Client) => void;
}) => Promise<{
  requests: { average: number };
  latency: { p50: number; p99: number };
  errors: number;
  '4xx': number;
  '5xx': number;
}>;

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;
const [task] = (await once(process, 'message')) as [CannonTask];
const result = await autocannon({
  url: task.url,
  connections: task.connections,
  duration: task.seconds,
  headers: task.headers,
  // Each connection requests all paths in turn, in its own random order.
  setupClient: (client) =>
    client.setRequests(
      task.paths
        .map((path) => ({ path, place: Math.random() }))
        .sort((a, b) => a.place - b.place)
        .map(({ path }) => (task.body === undefined ? { path } : { path, method: 'POST', body: task.body })),
    ),
});
const failed = result.errors + result['4xx'] + result['5xx'];
if (failed > 0) throw new Error(`${failed} requests failed`);
process.send?.({
  requestsPerSecond: result.requests.average,
  p50Ms: result.latency.p50,
  p99Ms: result.latency.p99,
} satisfies Load);
process.disconnect();
