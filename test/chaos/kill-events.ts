/** Performs one event of the scenario of kills. */
import { besides, busyWorker, type Stage } from './besides.ts';
import {
  arriveLate,
  type Caught,
  catchRunner,
  dropAnswer,
  type KillPoint,
  triggerOf,
} from './fail-points.ts';
import type { Event } from './kills.ts';
import { watchOrphans } from './orphans.ts';
import { signalAll } from './parent.ts';
import type { Worker } from './world.ts';

/** How soon a worker's death must show when its parent lives on the same machine. */
const sameMachineMs = 2_000;

export async function perform(event: Event, stage: Stage): Promise<void> {
  const { world, clients, tally, random } = stage;
  switch (event.kind) {
    case 'kill':
      if (event.at === 'anywhere') return killAnywhere(stage);
      return killAt(event.at, stage);
    case 'drop':
      await dropAnswer(world, event.of);
      return tally.count(`dropped the answer of ${event.of}`);
    case 'late':
      await arriveLate(world, event.of, random.between(50, 2_500));
      return tally.count(`late arrival of ${event.of}`);
    case 'cancel':
      return tally.count((await clients.cancelOne()) ? 'cancels' : 'cancels refused');
    case 'retry':
      return tally.count((await clients.retryOne()) ? 'retries' : 'retries refused');
    default:
      tally.count(event.kind);
      return besides[event.kind](stage);
  }
}

async function killAt(point: KillPoint, stage: Stage): Promise<void> {
  const trigger = triggerOf(point, stage.random);
  const caught = await catchBusy(() => catchRunner(stage.world, trigger));
  if (!caught) return stage.tally.problem(`no runner came to the point ${point}`);
  // Deliver the claim, so that the server executes it for a runner that is dead.
  if (point === 'in the midst of a claim') void caught.held.deliver();
  await kill(caught.worker, point, stage);
}

/** Prefers a runner with other running attempts, if one comes within five catches. */
async function catchBusy(catchNext: () => Promise<Caught | undefined>): Promise<Caught | undefined> {
  for (let tries = 1; ; tries += 1) {
    const caught = await catchNext();
    if (!caught || caught.worker.running > 0 || tries === 5) return caught;
    void caught.held.deliver();
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
    promisedMs: sameMachineMs,
  });
}
