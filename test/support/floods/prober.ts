/** A process that polls a task twenty times a second, also while answers are late, and times them. */
import { Agent, request } from 'node:http';

const [url = ''] = process.argv.slice(2);
const everyMs = 50;
/** A poll that takes longer counts as not answered. */
const limitMs = 30_000;
const agent = new Agent({ keepAlive: true });

/** The polls that have ended since the parent last asked for them. */
let polls: Poll[] = [];

export interface Poll {
  readonly ms: number;
  /** The status of the answer; 0 if there was none. */
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
