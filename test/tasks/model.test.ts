/**
 * The store against a model of the state machine: whatever happens to a few tasks and workers, in whatever order
 * and from several connections, each row is as the model says, and the invariants hold.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repairEntries } from '../../src/tasks/reaper/entries.ts';
import { violations } from '../support/invariants.ts';
import { cancelCall, failCalls, races, retryCalls, single, succeedCall } from '../support/model/calls.ts';
import type { Real } from '../support/model/command.ts';
import * as events from '../support/model/events.ts';
import { newModel } from '../support/model/model.ts';
import { openStore } from '../support/service.ts';
import { startWorker, useStore } from '../support/tasks.ts';

const store = useStore();
let others: Awaited<ReturnType<typeof openStore>>;
beforeAll(async () => {
  others = await openStore(store.url);
});
afterAll(() => others.close());

describe('whatever happens to tasks and workers', () => {
  it('each row is as the model says, and the invariants hold', async () => {
    const commands = fc.commands(
      // What keeps things going comes up more often, so that tasks come to run and to be tried again.
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
        await store.db.pool.query('TRUNCATE task_state, task_event, worker');
        await store.db.pool.query('DELETE FROM pgboss.job');
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
      { numRuns: 25 },
    );
  });
});
