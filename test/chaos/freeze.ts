/**
 * One freeze: catches a runner at work, stops it, its parent or both for three leases, and checks the
 * outcome.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { Trigger } from '../support/flaky-proxy.ts';
import { isAlive } from '../support/process.ts';
import type { Clients } from './clients.ts';
import {
  batchCommit,
  type Caught,
  catchRunner,
  endsOfTransaction,
  heldBatch,
  lateWrite,
  reaperTurn,
} from './fail-points.ts';
import { watchOrphans } from './orphans.ts';
import { type Parent, signalAll } from './parent.ts';
import type { Tally } from './tally.ts';
import { leaseSeconds, type World } from './world.ts';

export const frozen = ['the runner', 'the parent', 'both'] as const;

export interface Freeze {
  readonly who: (typeof frozen)[number];
  readonly when: 'inside a batch' | 'between two batches';
}

interface Stage {
  readonly world: World;
  readonly clients: Clients;
  readonly tally: Tally;
}

interface Prey {
  /** The id of the task whose batch was caught. */
  readonly id: string;
  readonly caught: Caught;
}

interface Scene extends Stage, Prey {
  readonly freeze: Freeze;
  readonly parent: Parent;
}

const freezeMs = 3 * leaseSeconds * 1000;
/** Statements by which a runner learns that it was given up. They would end it before its job could write. */
const newsForTheLate = ['renew-lease', 'flush-progress'];
/**
 * A reaper asks for its turn at least once in this time. If it asks later, the freeze only becomes easier.
 */
const turnMs = 3_000;
/** How soon a parent that was stopped must be ready again. */
const readyMs = 5_000;

export async function perform(freeze: Freeze, stage: Stage): Promise<void> {
  const { world, tally } = stage;
  const prey = await (freeze.when === 'inside a batch' ? catchInside(stage) : catchBetween(stage));
  if (!prey) return tally.problem(`no runner could be caught ${freeze.when}`);
  const { caught } = prey;
  const scene = { ...stage, ...prey, freeze, parent: world.parentOf(caught.worker) };
  tally.count(`stopped ${freeze.who} ${freeze.when}`);
  const pids = {
    'the runner': [caught.worker.pid],
    'the parent': [scene.parent.pid],
    both: [caught.worker.pid, scene.parent.pid],
  }[freeze.who];
  await stopAll(pids, scene);
  const wakeAtMs = performance.now() + freezeMs;
  if (freeze.who === 'the parent') await sleepThroughParent(pids, wakeAtMs, scene);
  else await sleepThroughRunner(pids, wakeAtMs, scene);
}

/**
 * The batch stays open until the task is released, so its connection still lives at the wake-up, however
 * late.
 */
async function catchInside({ world, clients }: Stage): Promise<Prey | undefined> {
  const catching = catchRunner(world, heldBatch);
  const id = await clients.submit({ type: 'steps', input: { steps: 3, stepMs: 300, holdsFirst: true } });
  const caught = await catching;
  return caught && { id, caught };
}

async function catchBetween({ world, clients, tally }: Stage): Promise<Prey> {
  for (;;) {
    const id = await clients.submit({ type: 'steps', input: { steps: 3, stepMs: 300 } });
    const caught = await catchRunner(world, batchCommit(id), untilEnded(world, id));
    if (caught) return { id, caught };
    tally.count('tasks that ended before they could be caught');
  }
}

/**
 * Stops the processes, and lets the caught statement go to the server: the stopped runner cannot read its
 * answer.
 */
async function stopAll(pids: readonly number[], { freeze, caught, parent, tally }: Scene): Promise<void> {
  // The worst moment to stop a parent is in the reaper's turn: no other process may reap until PostgreSQL
  // ends it.
  const turn =
    freeze.who === 'both' &&
    (await Promise.race([parent.proxy.delay(reaperTurn), sleep(turnMs, undefined, { ref: false })]));
  // The answer to a COMMIT arrives before the stop; the statement that holds the batch is answered after the
  // wake-up.
  if (freeze.when === 'between two batches') await caught.held.deliver();
  signalAll(pids, 'SIGSTOP');
  if (freeze.when === 'inside a batch') void caught.held.deliver();
  if (!turn) return parent.proxy.forget();
  tally.count('stopped in the reaper’s turn');
  void turn.deliver();
}

async function sleepThroughRunner(pids: readonly number[], wakeAtMs: number, scene: Scene): Promise<void> {
  const { world, tally, id, caught, parent } = scene;
  const { id: workerId, pid } = caught.worker;
  await watchOrphans(world, tally, [workerId], { what: 'until orphans of a stopped runner were shown' });
  // Once the task has ended elsewhere, any further write of attempt 1 comes from the stopped runner.
  await waitForEnd(scene);
  await sleep(Math.max(0, wakeAtMs - performance.now()));
  const before = await effectsOfFirst(world, id);
  if (!isAlive(pid)) tally.problem(`the runner ${pid} did not live to wake up`);

  // Hold back the news that the runner was given up until its write has been refused: the news would end it.
  parent.proxy.stall(newsForTheLate);
  const late = passLateWrite(scene);
  await world.release(id);
  signalAll(pids, 'SIGCONT');
  if (await late) tally.count('late writes attempted');
  else tally.problem(`the runner ${pid} did not attempt to write: ${id}, ${scene.freeze.when}`);
  parent.proxy.unstall();
  parent.proxy.forget();

  await eventually(() => !isAlive(pid)).catch(() => tally.problem(`the runner ${pid} did not end itself`));
  if ((await effectsOfFirst(world, id)) !== before) tally.problem(`a late write was accepted: ${id}`);
}

/** @returns whether the runner sent its fenced write and the end of the transaction before it ended itself */
async function passLateWrite({ id, caught, parent: { proxy } }: Scene): Promise<boolean> {
  const pass = async (trigger: Trigger) => void (await proxy.delay(trigger)).deliver();
  const sent = pass(lateWrite(id)).then(() =>
    Promise.race(endsOfTransaction(id).map((trigger) => pass(trigger))),
  );
  const ended = eventually(() => !isAlive(caught.worker.pid));
  return Promise.race([sent.then(() => true), ended.then(() => false)]);
}

async function sleepThroughParent(pids: readonly number[], wakeAtMs: number, scene: Scene): Promise<void> {
  const { world, tally, id, parent, caught } = scene;
  await sleep(Math.max(0, wakeAtMs - performance.now()));
  await world.release(id);
  signalAll(pids, 'SIGCONT');
  const beganMs = performance.now();
  await eventually(async () => (await fetch(`${parent.url}/readyz`)).ok);
  await tally.measure('until a parent that was stopped is ready', performance.now() - beganMs, readyMs);
  await waitForEnd(scene);
  const task = await readTask(world, id);
  if (task?.attempt !== 1) tally.problem(`disturbed while the parent alone was stopped: ${id}`);
  if (!isAlive(caught.worker.pid))
    tally.problem(`the runner ${caught.worker.pid} ended with its parent stopped`);
  else tally.count('went on undisturbed');
}

async function waitForEnd({ world, tally, id, freeze }: Scene): Promise<void> {
  await untilEnded(world, id).then(
    () => freeze.who !== 'the parent' && tally.count('taken over, and ended, before the wake-up'),
    () => tally.problem(`not ended in time: ${id}, ${freeze.who} ${freeze.when}`),
  );
}

function untilEnded(world: World, id: string): Promise<unknown> {
  return eventually(async () => (await readTask(world, id))?.status === 'succeeded');
}

async function readTask(world: World, id: string) {
  const [task] = await world.query<{ status: string; attempt: number }>(
    'SELECT status, attempt FROM task_state WHERE id = $1',
    [id],
  );
  return task;
}

async function effectsOfFirst(world: World, id: string): Promise<number> {
  const rows = await world.query('SELECT FROM effect WHERE task_id = $1 AND attempt = 1', [id]);
  return rows.length;
}
