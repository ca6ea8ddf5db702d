/** Other events in the scenario of kills: they hit parents, the database, and runners that survive. */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { Clients } from './clients.ts';
import { watchOrphans } from './orphans.ts';
import { type Parent, signalAll } from './parent.ts';
import type { Random } from './random.ts';
import type { Tally } from './tally.ts';
import { leaseSeconds, type Worker, type World } from './world.ts';

export interface Stage {
  readonly world: World;
  readonly clients: Clients;
  readonly tally: Tally;
  readonly random: Random;
}

/** Waits for a runner with a running attempt, and picks one. */
export function busyWorker({ world, random }: Stage): Promise<Worker> {
  return eventually(async () => {
    const busy = (await world.workers()).filter(({ running }) => running > 0);
    return busy.length > 0 ? random.pick(busy) : undefined;
  });
}

export const besides = {
  'kill -9 of a parent': (stage: Stage) => endParent(stage, 'SIGKILL', noRunner),
  'kill -9 of a parent and its runners': (stage: Stage) => endParent(stage, 'SIGKILL', allRunners),
  'kill -15 of a parent': (stage: Stage) => endParent(stage, 'SIGTERM', noRunner),
  // systemd stops a service in this way.
  'kill -15 of a parent and its runners': (stage: Stage) => endParent(stage, 'SIGTERM', allRunners),
  'kill -2 of a parent': (stage: Stage) => endParent(stage, 'SIGINT', noRunner),
  'kill -15 of a runner': async (stage: Stage) => signalAll([(await busyWorker(stage)).pid], 'SIGTERM'),
  'a runner stopped for less than its lease': (stage: Stage) => stopRunner(stage, 0.5 * leaseSeconds * 1000),
  'a runner stopped past its lease': (stage: Stage) => stopRunner(stage, 2 * leaseSeconds * 1000),
  'a parent stopped for a while': async ({ world, random }: Stage) => {
    const { pid } = random.pick(world.parents);
    signalAll([pid], 'SIGSTOP');
    await sleep(random.between(500, 2 * leaseSeconds * 1000));
    signalAll([pid], 'SIGCONT');
  },
  'a parent and its runners stopped past their lease': async ({ world, random }: Stage) => {
    const parent = random.pick(world.parents);
    const pids = [parent.pid, ...(await runnersOf(world, parent)).map(({ pid }) => pid)];
    signalAll(pids, 'SIGSTOP');
    await sleep(2 * leaseSeconds * 1000);
    signalAll(pids, 'SIGCONT');
  },
  'kill -9 of the database': ({ world, random }: Stage) => world.killDatabase(random.between(0, 3_000)),
  'a restart of the database': ({ world, random }: Stage) => world.restartDatabase(random.between(0, 3_000)),
  'a pause of the database': ({ world }: Stage) => world.pauseDatabase(2 * leaseSeconds * 1000),
  'kill -9 of a runner while the database stands still': async (stage: Stage) => {
    const { world, tally } = stage;
    const { id, pid } = await busyWorker(stage);
    const paused = world.pauseDatabase(2 * leaseSeconds * 1000);
    signalAll([pid], 'SIGKILL');
    await paused;
    await watchOrphans(world, tally, [id], {
      what: 'until orphans of a killed runner were shown, after a pause',
    });
  },
  'all connections cut': ({ world }: Stage) => world.cutConnections(),
} satisfies Record<string, (stage: Stage) => Promise<void>>;

export type Beside = keyof typeof besides;

async function stopRunner(stage: Stage, ms: number): Promise<void> {
  const { pid } = await busyWorker(stage);
  signalAll([pid], 'SIGSTOP');
  await sleep(ms);
  signalAll([pid], 'SIGCONT');
}

const noRunner = () => [];
const allRunners = (workers: Worker[]) => workers;

async function runnersOf(world: World, parent: Parent): Promise<Worker[]> {
  return (await world.workers()).filter(({ pid }) => parent.owns(pid));
}

/**
 * Ends a parent by a signal, which `also` sends to some of its runners, too. Then starts the parent again.
 */
async function endParent(
  { world, tally, random }: Stage,
  signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT',
  also: (workers: Worker[]) => Worker[],
): Promise<void> {
  const parent = random.pick(world.parents);
  const workers = await runnersOf(world, parent);
  signalAll(
    also(workers).map(({ pid }) => pid),
    signal,
  );
  const code = await parent.end(signal);
  if (signal !== 'SIGKILL' && code !== 0)
    tally.problem(`a parent that was asked to stop ended with code ${code}`);
  await watchOrphans(
    world,
    tally,
    workers.map(({ id }) => id),
    { what: 'until orphans of an ended parent were shown' },
  );
  await parent.startAgain();
}
