/**
 * Scenario: runners are killed with -9 again and again, at each fail point, while all the other events
 * happen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from './audit.ts';
import { type Beside, besides } from './besides.ts';
import { Clients, type Submit } from './clients.ts';
import { type DropPoint, dropPoints, type KillPoint, killPoints } from './fail-points.ts';
import { perform } from './kill-events.ts';
import { Random } from './random.ts';
import { Tally } from './tally.ts';
import { World } from './world.ts';

export type Event =
  | { readonly kind: 'kill'; readonly at: KillPoint | 'anywhere' }
  | { readonly kind: 'drop' | 'late'; readonly of: DropPoint }
  | { readonly kind: 'cancel' | 'retry' }
  | { readonly kind: Beside };

/** More tasks than slots, so that each claim finds a task. */
const unfinished = 40;

/** @param kills how many runners are killed with -9 */
export async function runKills(kills: number, seed: number): Promise<Tally> {
  const tally = new Tally('kills', seed);
  await using world = await World.start({ parents: 2 });
  const clients = new Clients(world, new Random(seed, 'clients'));
  clients.keepSubmitting(unfinished, nextSubmit);
  const random = new Random(seed, 'events');
  for (const { event, afterMs } of schedule(kills, new Random(seed, 'kills'))) {
    await sleep(afterMs);
    await perform(event, { world, clients, tally, random });
  }
  await clients.stop();
  await audit(world, clients, tally);
  judge(kills, tally);
  return tally;
}

/** All events in their order, with the pause before each. */
function schedule(kills: number, random: Random): { event: Event; afterMs: number }[] {
  // A seventh of the kills at each fail point; the rest at whatever a runner is doing.
  const points = Object.keys(killPoints) as KillPoint[];
  const places = [...points, ...Array.from({ length: 4 }, () => 'anywhere' as const)];
  const events: Event[] = [];
  for (let i = 0; i < kills; i += 1)
    events.push({ kind: 'kill', at: places[i % places.length] ?? 'anywhere' });
  for (const of of Object.keys(dropPoints) as DropPoint[])
    for (let i = 0; i < kills / 9; i += 1) events.push({ kind: 'drop', of }, { kind: 'late', of });
  for (const kind of ['cancel', 'retry'] as const)
    for (let i = 0; i < kills / 4; i += 1) events.push({ kind });
  // Few of these, because each takes seconds.
  const rare = random.shuffled(Object.keys(besides) as Beside[]);
  for (let i = 0; i < Math.ceil(kills / 7); i += 1)
    events.push({ kind: rare[i % rare.length] ?? 'all connections cut' });
  return random.shuffled(events).map((event) => ({ event, afterMs: random.between(50, 600) }));
}

function nextSubmit(random: Random): Submit {
  return {
    type: random.next() < 0.8 ? 'steps' : 'steps-once',
    input: {
      steps: random.between(1, 12),
      stepMs: random.between(0, 150),
      holdMs: random.pick([0, 0, 5, 30]),
    },
  };
}

/** Notes a problem if the run was not as hard as it should be. */
function judge(kills: number, tally: Tally): void {
  const all = tally.of('kills of runners');
  const busy = tally.of('kills that hit a running attempt');
  if (all < kills) tally.problem(`only ${all} of ${kills} kills`);
  if (kills >= 20 && busy < 0.9 * all) tally.problem(`only ${busy} of ${all} kills hit a running attempt`);
  const atPoints = [
    ...Object.keys(killPoints).map((point) => `kill -9 of a runner ${point}`),
    ...Object.keys(dropPoints).map((point) => `dropped the answer of ${point}`),
  ];
  for (const point of atPoints)
    if (tally.of(point) < Math.floor(kills / 10)) tally.problem(`only ${tally.of(point)} times: ${point}`);
}
