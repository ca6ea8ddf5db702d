/**
 * `npm run test:chaos`: kills, outages and freezes against real processes, and an audit of what is left.
 * `-- --kills 200 --outages 60 --freezes 50` is the full size; 0 leaves a scenario out. HEADWAY_CHAOS_SEED
 * plays a schedule again.
 */
import { parseArgs } from 'node:util';
import { runFreezes } from './freezes.ts';
import { runKills } from './kills.ts';
import { runOutages } from './outages.ts';
import { chooseSeed } from './random.ts';
import { World } from './world.ts';

const scenarios = { kills: runKills, outages: runOutages, freezes: runFreezes };

const { values: sizes } = parseArgs({
  options: {
    kills: { type: 'string', default: '45' },
    outages: { type: 'string', default: '15' },
    freezes: { type: 'string', default: '9' },
  },
});
const seed = chooseSeed();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void World.disposeAll().finally(() => process.exit(130)));
}
let isAllWell = true;
for (const name of Object.keys(scenarios) as (keyof typeof scenarios)[]) {
  const size = Number(sizes[name]);
  if (!(size > 0)) continue;
  process.stdout.write(`${size} ${name}, HEADWAY_CHAOS_SEED=${seed} …\n`);
  const tally = await scenarios[name](size, seed);
  process.stdout.write(`${tally}\n\n`);
  if (!tally.isWell) isAllWell = false;
}
process.exitCode = isAllWell ? 0 : 1;
