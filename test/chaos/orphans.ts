/** Measures how long the tasks of a dead worker are still shown as running. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tally } from './tally.ts';
import { orphansShownMs, type World } from './world.ts';

const askMs = 20;

/** Waits until no task runs under these workers any more, and notes how long that took. */
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
  /** Returns rows while any such task is left. */
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
