/** How long what a dead worker leaves behind is left as it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tally } from './tally.ts';
import { orphansShownMs, type World } from './world.ts';

const askMs = 20;

/** Waits until nothing is shown as running under these workers, and notes how long that took. */
export function watchOrphans(
  world: World,
  tally: Tally,
  workerIds: readonly string[],
  { what, promisedMs = orphansShownMs }: { what: string; promisedMs?: number },
): Promise<void> {
  return measureUntilGone(world, tally, {
    what,
    promisedMs,
    text: `SELECT FROM task_state WHERE worker_id = ANY ($1::uuid[]) AND status = 'running' LIMIT 1`,
    values: [workerIds],
  });
}

interface Question {
  readonly what: string;
  readonly promisedMs: number;
  /** Answers rows as long as anything is left. */
  readonly text: string;
  readonly values: unknown[];
}

async function measureUntilGone(
  world: World,
  tally: Tally,
  { what, promisedMs, text, values }: Question,
): Promise<void> {
  const beganMs = performance.now();
  while ((await world.query(text, values)).length > 0) await sleep(askMs);
  await tally.measure(what, performance.now() - beganMs, promisedMs);
}
