/**
 * Fail points: moments in a runner's work at which a scenario kills or stops it, or drops an answer. A proxy
 * before the database recognises them by the runner's statements, so Headway's code knows nothing of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldStatement, Trigger } from '../support/flaky-proxy.ts';
import type { Random } from './random.ts';
import type { Worker, World } from './world.ts';

const fencedCheckpoint = 'SET checkpoint = $3::jsonb';
const batchWrite = 'INSERT INTO effect';

/** The name of the claim's prepared statement, as a Bind message of the protocol contains it. */
const claim: Trigger = { statement: '\0claim\0' };
const checkpointCommit: Trigger = { statement: 'COMMIT', after: fencedCheckpoint };
const endCommit: Trigger = { statement: 'COMMIT', after: `SET status = 'succeeded'` };

/**
 * Where a runner is killed: before the statement reaches the server. One of several triggers is picked at
 * random.
 */
export const killPoints = {
  'in the midst of a claim': [claim],
  'inside a batch': [{ statement: fencedCheckpoint, after: batchWrite }, checkpointCommit],
  'before the COMMIT of the end': [endCommit],
} as const satisfies Record<string, readonly Trigger[]>;

/** The statements whose answers are dropped, after the server has executed them. */
export const dropPoints = {
  'a claim': claim,
  'a checkpoint': checkpointCommit,
  'an end': endCommit,
} as const satisfies Record<string, Trigger>;

/** The middle of a batch whose transaction stays open until the world releases it. */
export const heldBatch: Trigger = { statement: 'hold_until_released' };

/** The COMMIT of a batch of this task. */
export function batchCommit(taskId: string): Trigger {
  return { statement: 'COMMIT', after: taskId };
}

/**
 * The first statement of the reaper's transaction: it takes the reaper's turn, and holds it until the end.
 */
export const reaperTurn: Trigger = { statement: '\0reaper-turn\0' };

/** The fenced write that a runner sends for this task after it has been woken up. */
export function lateWrite(taskId: string): Trigger {
  return { statement: fencedCheckpoint, after: taskId };
}

export function endsOfTransaction(taskId: string): Trigger[] {
  return ['COMMIT', 'ROLLBACK'].map((statement) => ({ statement, after: taskId }));
}

export type KillPoint = keyof typeof killPoints;
export type DropPoint = keyof typeof dropPoints;

export interface Caught {
  readonly held: HeldStatement;
  readonly worker: Worker;
}

/**
 * Waits for the next runner that sends this statement, and holds the statement back. Undefined if no runner
 * has come when `untilMissed` resolves.
 */
export async function catchRunner(
  world: World,
  trigger: Trigger,
  untilMissed?: Promise<unknown>,
): Promise<Caught | undefined> {
  const held = await first(
    world,
    (proxy) => proxy.delay(trigger),
    (other) => void other.deliver(),
    untilMissed,
  );
  if (!held) return undefined;
  const ids = [...new Set(held.sent.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g))];
  const workers = await world.workers();
  const owners = await world.query<{ id: string }>(
    `SELECT worker_id AS id FROM task_state WHERE id = ANY ($1::uuid[]) AND status = 'running'`,
    [ids],
  );
  const named = new Set([...ids, ...owners.map((owner) => owner.id)]);
  const worker = workers.find(({ id }) => named.has(id));
  if (worker) return { held, worker };
  void held.deliver();
  return undefined;
}

export async function dropAnswer(world: World, point: DropPoint): Promise<void> {
  await first(world, (proxy) => proxy.loseAnswer(dropPoints[point]));
}

/** Cuts off the client of a statement, and delivers the statement to the server later. */
export async function arriveLate(world: World, point: DropPoint, afterMs: number): Promise<void> {
  const held = await first(
    world,
    (proxy) => proxy.holdBack(dropPoints[point]),
    (other) => void other.deliver(),
  );
  await sleep(afterMs);
  void held?.deliver();
}

export function triggerOf(point: KillPoint, random: Random): Trigger {
  return random.pick<Trigger>(killPoints[point]);
}

/**
 * The first result of `wait` among the proxies of all parents. The other proxies forget their faults; a
 * result that one of them has all the same goes to `release`.
 */
async function first<Value>(
  { parents }: World,
  wait: (proxy: World['parents'][number]['proxy']) => Promise<Value>,
  release: (value: Value) => void = () => undefined,
  untilMissed: Promise<unknown> = new Promise(() => undefined),
): Promise<Value | undefined> {
  let isDecided = false;
  const waits = parents.map(async ({ proxy }) => {
    const value = await wait(proxy);
    if (isDecided) release(value);
    isDecided = true;
    return value;
  });
  const value = await Promise.race([...waits, untilMissed.then(() => undefined)]);
  isDecided = true;
  for (const { proxy } of parents) proxy.forget();
  return value;
}
