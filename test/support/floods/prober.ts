/** A process that polls a task twenty times a second, whatever becomes of the answers, and tells how long they took. */
import { Agent, request } from 'node:http';

const [url = ''] = process.argv.slice(2);
const everyMs = 50;
/** An answer that takes longer is none. */
const limitMs = 30_000;
const agent = new Agent({ keepAlive: true });

/** What was asked since the last question of the parent. */
let polls: Poll[] = [];

export interface Poll {
  readonly ms: number;
  /** 0 where there was none. */
  readonly status: number;
}

process.on('message', () => {
  const asked = polls;
  polls = [];
  process.send?.(asked);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

let dueMs = performance.now();
poll();

function poll(): void {
  const startedMs = performance.now();
  const done = (status: number) => void polls.push({ ms: performance.now() - startedMs, status });
  const sent = request(
    url,
    { agent, timeout: limitMs, headers: { accept: 'application/json' } },
    (response) => {
      response.resume();
      response.on('end', () => done(response.statusCode ?? 0));
    },
  );
  sent.on('error', () => done(0));
  sent.on('timeout', () => sent.destroy());
  sent.end();
  dueMs += everyMs;
  setTimeout(poll, Math.max(0, dueMs - performance.now()));
}
