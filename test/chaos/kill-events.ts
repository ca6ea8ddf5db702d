/** What happens in the scenario of kills, one event at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { Clients } from './clients.ts';
import { type Caught, catchRunner, dropAnswer, triggerOf } from './fail-points.ts';
import type { besides, Event } from './kills.ts';
import { watchDropped, watchOrphans } from './orphans.ts';
import { type Parent, signalAll } from './parent.ts';
import type { Random } from './random.ts';
import type { Tally } from './tally.ts';
import { leaseSeconds, type Worker, type World } from './world.ts';

export interface Stage {
  readonly world: World;
  readonly clients: Clients;
  readonly tally: Tally;
  readonly random: Random;
  /** What is still being watched. */
  readonly background: Promise<void>[];
}

/** Of a worker whose parent lives on the same machine. */
const sameMachineMs = 2_000;

export async function perform(event: Event, stage: Stage): Promise<void> {
  const { world, clients, tally } = stage;
  switch (event.kind) {
    case 'kill':
      if (event.at === 'anywhere') return killAnywhere(stage);
      return killAt(event.at, stage);
    case 'drop':
      return tally.count(
        (await dropAnswer(world, event.of))
          ? `dropped the answer of ${event.of}`
          : `no answer of ${event.of}`,
      );
    case 'cancel':
      return tally.count((await clients.cancelOne()) ? 'cancels' : 'cancels refused');
    case 'retry':
      return tally.count((await clients.retryOne()) ? 'retries' : 'retries refused');
    default:
      tally.count(event.kind);
      return beside[event.kind](stage);
  }
}

async function killAt(point: Exclude<Extract<Event, { kind: 'kill' }>['at'], 'anywhere'>, stage: Stage) {
  const trigger = triggerOf(point, stage.random);
  const caught = await catchBusy(() => catchRunner(stage.world, trigger));
  if (!caught) return stage.tally.problem(`no runner came to the point ${point}`);
  if (point === 'between fetch and claim')
    stage.background.push(watchDropped(stage.world, stage.tally, caught.ids));
  await kill(caught.worker, point, stage);
}

/** One that runs something else as well, if such a one comes soon. */
async function catchBusy(catchNext: () => Promise<Caught | undefined>): Promise<Caught | undefined> {
  for (let tries = 1; ; tries += 1) {
    const caught = await catchNext();
    if (!caught || caught.worker.running > 0 || tries === 5) return caught;
    await caught.held.deliver();
  }
}

async function killAnywhere(stage: Stage): Promise<void> {
  await kill(await busyWorker(stage), 'anywhere', stage);
}

async function kill(worker: Worker, where: string, { world, tally }: Stage): Promise<void> {
  tally.count(`kill -9 of a runner ${where}`);
  tally.count('kills of runners');
  if (worker.running > 0) tally.count('kills that hit a running attempt');
  signalAll([worker.pid], 'SIGKILL');
  await watchOrphans(world, tally, [worker.id], {
    what: 'until orphans of a killed runner were shown',
    limitMs: sameMachineMs,
  });
}

function busyWorker({ world, random }: Stage): Promise<Worker> {
  return eventually(
    async () => {
      const busy = (await world.workers()).filter(({ running }) => running > 0);
      return busy.length > 0 ? random.pick(busy) : undefined;
    },
    { timeoutMs: 30_000 },
  );
}

const beside: Record<(typeof besides)[number], (stage: Stage) => Promise<void>> = {
  'kill -9 of a parent': (stage) => endParent(stage, 'SIGKILL', () => []),
  'kill -9 of a parent and its runners': (stage) =>
    endParent(stage, 'SIGKILL', (workers) => workers.map(({ pid }) => pid)),
  'kill -15 of a parent': (stage) => endParent(stage, 'SIGTERM', () => []),
  'kill -2 of a parent': (stage) => endParent(stage, 'SIGINT', () => []),
  'kill -15 of a runner': async (stage) => signalAll([(await busyWorker(stage)).pid], 'SIGTERM'),
  'a runner stopped for less than its lease': (stage) => stopRunner(stage, 0.5 * leaseSeconds * 1000),
  'a runner stopped past its lease': (stage) => stopRunner(stage, 2 * leaseSeconds * 1000),
  'a parent stopped for a while': async ({ world, random }) => {
    const { pid } = random.pick(world.parents);
    signalAll([pid], 'SIGSTOP');
    await sleep(random.between(500, 2 * leaseSeconds * 1000));
    signalAll([pid], 'SIGCONT');
  },
  'kill -9 of the database': ({ world, random }) => world.killDatabase(random.between(0, 3_000)),
  'a pause of the database': ({ world }) => world.pauseDatabase(2 * leaseSeconds * 1000),
  'all connections cut': ({ world }) => world.cutConnections(),
};

async function stopRunner(stage: Stage, ms: number): Promise<void> {
  const { pid } = await busyWorker(stage);
  signalAll([pid], 'SIGSTOP');
  await sleep(ms);
  signalAll([pid], 'SIGCONT');
}

/** Ends a parent and whatever else of it; its runners end themselves. Another is started in its place. */
async function endParent(
  { world, tally, random }: Stage,
  signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT',
  also: (workers: Worker[]) => number[],
): Promise<void> {
  const parent: Parent = random.pick(world.parents);
  const workers = (await world.workers()).filter(({ pid }) => parent.owns(pid));
  signalAll(also(workers), 'SIGKILL');
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
