/** The short form of `npm run test:chaos`: a few of each. HEADWAY_CHAOS_SEED plays a schedule again. */
import { describe, expect, it } from 'vitest';
import { runFreezes } from './freezes.ts';
import { runKills } from './kills.ts';
import { runOutages } from './outages.ts';
import { chooseSeed } from './random.ts';
import type { Tally } from './tally.ts';

const seed = chooseSeed();

describe.concurrent('each task ends in one state, with its effects exactly once', () => {
  it('however its runners are killed', async () => {
    expectAllWell(await runKills(4, seed));
  });

  it('whatever becomes of the database', async () => {
    expectAllWell(await runOutages(3, seed));
  });

  it('when runners and parents stand still for three leases', async () => {
    expectAllWell(await runFreezes(1, seed));
  });
});

function expectAllWell(tally: Tally): void {
  expect([...tally.problems, ...tally.delays], String(tally)).toEqual([]);
}
