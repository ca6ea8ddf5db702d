/** The property: runs scripts of events of tasks and workers on the store and on the model. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { repairEntries } from '../../../src/tasks/queue/repair.ts';
import { violations } from '../invariants.ts';
import { clear, startWorker } from '../tasks.ts';
import { cancelCall, failCalls, races, retryCalls, single, succeedCall } from './calls.ts';
import type { Real, Stores } from './command.ts';
import * as events from './events.ts';
import { newModel } from './model.ts';

/** Checks that after any script each row equals the model, and the invariants hold. */
export async function checkModel({ store, others }: Stores, numRuns: number): Promise<void> {
  const commands = fc.commands(
    // Events that move tasks on come more often, so that tasks get to run and to be tried again.
    [
      ...[events.submits, events.submits],
      ...[events.claims, events.claims, events.claims, events.claims, events.claims, events.claims],
      ...[events.flushes, events.flushes],
      events.checkpoints,
      single(fc.constant(succeedCall)),
      ...[single(failCalls), single(failCalls), single(failCalls)],
      single(fc.constant(cancelCall)),
      ...[single(retryCalls), single(retryCalls)],
      ...[races, races, races],
      ...[events.giveUps, events.reaps],
      ...[events.hires, events.hires],
      ...[events.timePasses, events.timePasses],
      ...[events.repairs, events.repairs],
      events.takesByHand,
      events.deletesEntries,
      events.prunes,
    ],
    { maxCommands: 100, size: 'max' },
  );

  await fc.assert(
    fc.asyncProperty(commands, async (script) => {
      await clear(store);
      const workerIds = await Promise.all(
        Array.from({ length: events.workerCount }, () => startWorker(store)),
      );
      const model = newModel();
      const real: Real = { store, others, taskIds: [], versions: [], workerIds };
      for (const maxAttempts of [1, 2, 3]) await events.submitOne(model, real, maxAttempts);

      await fc.asyncModelRun(() => ({ model, real }), script);

      await repairEntries(store, 0);
      expect(await violations(store)).toEqual([]);
    }),
    { numRuns },
  );
}
