/**
 * Thousands of watchers in one process, separate from the service that they measure: half of them on streams,
 * half on long polls. A message asks the process for what they have seen.
 */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { quantile } from '../quantile.ts';

export interface WatcherTask {
  readonly urls: string[];
  readonly watchers: number;
}

export interface Seen {
  readonly open: number;
  readonly reports: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How many have seen the end of their task. */
  readonly ended: number;
  /** How often each error happened. */
  readonly errors: Record<string, number>;
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const latencies: number[] = [];
let open = 0;
let ended = 0;
const errors: Record<string, number> = {};

const [task] = (await once(process, 'message')) as [WatcherTask];
for (let number = 0; number < task.watchers; number += 1) {
  const url = task.urls[number % task.urls.length] ?? '';
  if (Math.floor(number / task.urls.length) % 2 === 0) watchStream(url);
  else void watchByLongPoll(url);
  // Open a few connections at a time, because the backlog of a listening socket is short.
  if (number % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20));
}
process.send?.({ kind: 'ready' });
process.on('message', () => {
  const seen: Seen = {
    open,
    reports: latencies.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: Math.max(...latencies.slice(-100_000)),
    ended,
    errors,
  };
  latencies.length = 0;
  process.send?.(seen);
});
process.on('disconnect', () => process.exit());

function watchStream(url: string): void {
  const sent = request(`${url}/events`, { agent, headers: { accept: 'text/event-stream' } }, (response) => {
    if (response.statusCode !== 200) noteError(`status ${response.statusCode}`);
    open += 1;
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      note(text);
      if (text.includes('event: end')) ended += 1;
    });
    response.on('close', () => {
      open -= 1;
    });
  });
  sent.on('error', (error) => noteError(error.message));
  sent.end();
}

async function watchByLongPoll(url: string): Promise<void> {
  let etag = '';
  for (;;) {
    open += 1;
    const answer = await longPoll(url, etag).catch(noteError);
    open -= 1;
    if (!answer) return;
    // Skip the first answer: its report is from before the poll.
    if (etag !== '') note(answer.text);
    etag = answer.etag;
    if (/"finishedAt":"/.test(answer.text)) {
      ended += 1;
      return;
    }
  }
}

function longPoll(url: string, etag: string): Promise<{ text: string; etag: string }> {
  // After no version at all: the first answer comes at once.
  const asked = etag === '' ? `${url}?after=0` : url;
  const headers = { prefer: 'wait=60', ...(etag !== '' && { 'if-none-match': etag }) };
  return new Promise((resolve, reject) => {
    const sent = request(asked, { agent, headers }, async (response: IncomingMessage) => {
      response.setEncoding('utf8');
      let text = '';
      for await (const chunk of response) text += chunk;
      if (response.statusCode === 200 || response.statusCode === 304)
        resolve({ text, etag: response.headers.etag ?? etag });
      else reject(new Error(`status ${response.statusCode}`));
    });
    sent.on('error', reject);
    sent.end();
  });
}

function noteError(error: unknown): undefined {
  const message = error instanceof Error ? error.message : String(error);
  errors[message] = (errors[message] ?? 0) + 1;
}

/** Notes the latency of a report. Skips answers after the end of the task, which repeat its last stamp. */
function note(text: string): void {
  const stamp = /stamp (\d+)/.exec(text)?.[1];
  if (stamp === undefined || text.includes('"finishedAt":"')) return;
  latencies.push(Number(process.hrtime.bigint() - BigInt(stamp)) / 1e6);
}
