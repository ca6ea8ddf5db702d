/**
 * A short form of `npm run test:chaos`, with a few events of each kind. HEADWAY_CHAOS_SEED repeats a
 * schedule.
 */
import { describe, expect, it } from 'vitest';
import { runFreezes } from './freezes.ts';
import { runKills } from './kills.ts';
import { runOutages } from './outages.ts';
import { chooseSeed } from './random.ts';
import type { Tally } from './tally.ts';

const seed = chooseSeed();

describe.concurrent('each task ends in one state, with its effects exactly once', () => {
  it('when its runners are killed at any moment', async () => {
    expectAllWell(await runKills(4, seed));
  });

  it('when the database is killed, paused or cut off', async () => {
    expectAllWell(await runOutages(3, seed));
  });

  it('when runners and parents stand still for three leases', async () => {
    expectAllWell(await runFreezes(1, seed));
  });
});

function expectAllWell(tally: Tally): void {
  expect([...tally.problems, ...tally.delays], String(tally)).toEqual([]);
}
