/**
 * Scenario: PostgreSQL is killed, stands still, or drops all connections; jobs with a single try must
 * survive.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { audit } from './audit.ts';
import { Clients, type Submit } from './clients.ts';
import { Random } from './random.ts';
import { Tally } from './tally.ts';
import { leaseSeconds, World } from './world.ts';

const outages = {
  'kill -9 of the database': (world: World, random: Random) => world.killDatabase(random.between(0, 4_000)),
  'a pause of two leases': (world: World) => world.pauseDatabase(2 * leaseSeconds * 1000),
  'connections terminated': async (world: World, random: Random) => {
    for (let cut = random.between(1, 5); cut > 0; cut -= 1) {
      await world.cutConnections();
      await sleep(random.between(0, 300));
    }
  },
};

type Outage = keyof typeof outages;

/** How many tasks are unfinished at a time. Each lives through two or three outages. */
const unfinished = 12;
/** How soon after the database's return the service must be ready, and have run a new task. */
const readyMs = 5_000;
const askMs = 25;

/** @param count how many outages, a third of each kind */
export async function runOutages(count: number, seed: number): Promise<Tally> {
  const tally = new Tally('outages', seed);
  await using world = await World.start({ parents: 1, slots: 20 });
  const clients = new Clients(world, new Random(seed, 'clients'));
  const longest = count < 6 ? 4 : 20;
  clients.keepSubmitting(unfinished, (random) => nextSubmit(random, longest));
  const random = new Random(seed, 'outages');
  for (const { outage, afterMs } of schedule(count, random)) {
    await sleep(afterMs);
    tally.count(outage);
    // Submit a task while the database goes away; the submit may be acknowledged at once or only when
    // repeated.
    const submitted = clients.submit(quick);
    await outages[outage](world, random);
    await measureReadiness(world, clients, tally);
    await submitted;
  }
  await clients.stop();
  for (const task of await audit(world, clients, tally)) {
    if (task.status !== 'succeeded') tally.problem(`not succeeded: ${JSON.stringify(task)}`);
    // A task whose claim was not answered has not begun: it is handed back, and begins with the next attempt
    // number.
    if (task.attempt > 1) tally.count('tasks that were claimed without an answer, and began later');
    if (task.attempts.some((attempt) => attempt !== task.attempt))
      tally.problem(`not under one attempt: ${JSON.stringify(task)}`);
  }
  return tally;
}

function schedule(count: number, random: Random): { outage: Outage; afterMs: number }[] {
  const kinds = random.shuffled(Object.keys(outages) as Outage[]);
  const planned = Array.from(
    { length: count },
    (_, place) => kinds[place % kinds.length] ?? 'connections terminated',
  );
  return random.shuffled(planned).map((outage) => ({ outage, afterMs: random.between(500, 2_500) }));
}

const quick: Submit = { type: 'steps-once', input: { steps: 1, stepMs: 0 } };

function nextSubmit(random: Random, longest: number): Submit {
  return {
    type: 'steps-once',
    input: { steps: random.between(2, longest), stepMs: 1_000, holdMs: random.pick([0, 100]) },
  };
}

/**
 * Measures, from the database's return, until the service says that it is ready and until it has run a new
 * task.
 */
async function measureReadiness(world: World, clients: Clients, tally: Tally): Promise<void> {
  const beganMs = performance.now();
  const [parent] = world.parents;
  const isReady = async () =>
    (await fetch(`${parent?.url}/readyz`, { signal: AbortSignal.timeout(5_000) })).ok;
  const wait = { intervalMs: askMs };
  const ready = eventually(isReady, wait).then(() =>
    tally.measure('until ready again', performance.now() - beganMs, readyMs),
  );
  const id = await clients.submit(quick);
  const hasEnded = async () =>
    (await world.query(`SELECT FROM task_state WHERE id = $1 AND status = 'succeeded'`, [id])).length > 0;
  await eventually(hasEnded, wait);
  await tally.measure('until a new task had been run', performance.now() - beganMs, readyMs);
  await ready;
}
