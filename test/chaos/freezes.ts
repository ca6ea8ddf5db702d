/**
 * Scenario: a runner, its parent, or both are stopped for three leases and then go on. The late writes of a
 * stopped runner must be refused; a runner whose parent alone was stopped must go on undisturbed.
 */
import { audit } from './audit.ts';
import { Clients, type Submit } from './clients.ts';
import { type Freeze, frozen, perform } from './freeze.ts';
import { Random } from './random.ts';
import { Tally } from './tally.ts';
import { World } from './world.ts';

/** Other tasks run beside the caught one: a task that is lost in company is queued again without a delay. */
const unfinished = 8;

/** @param count how many freezes, of a runner, its parent and both in turn */
export async function runFreezes(count: number, seed: number): Promise<Tally> {
  const tally = new Tally('freezes', seed);
  await using world = await World.start({ parents: 2 });
  const clients = new Clients(world, new Random(seed, 'clients'));
  clients.keepSubmitting(unfinished, nextSubmit);
  for (const freeze of schedule(count, new Random(seed, 'freezes'))) {
    await perform(freeze, { world, clients, tally });
  }
  await clients.stop();
  await audit(world, clients, tally);
  return tally;
}

/** Two of three freezes hit the inside of a batch. */
function schedule(count: number, random: Random): Freeze[] {
  const isInside = random.shuffled(Array.from({ length: count }, (_, place) => place % 3 !== 2));
  return isInside.map((inside, place) => ({
    who: frozen[place % frozen.length] ?? 'both',
    when: inside ? 'inside a batch' : 'between two batches',
  }));
}

function nextSubmit(random: Random): Submit {
  return { type: 'steps', input: { steps: random.between(1, 20), stepMs: random.between(20, 200) } };
}
