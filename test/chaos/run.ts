/**
 * `npm run test:chaos`: kills, outages and freezes against real processes, and an audit of the tasks
 * afterwards. `-- --kills 200 --outages 60 --freezes 50` is the full size; 0 leaves a scenario out.
 * HEADWAY_CHAOS_SEED repeats a schedule.
 */
import { parseArgs } from 'node:util';
import { Run } from '../support/run/run.ts';
import { runFreezes } from './freezes.ts';
import { runKills } from './kills.ts';
import { runOutages } from './outages.ts';
import { chooseSeed } from './random.ts';

const scenarios = { kills: runKills, outages: runOutages, freezes: runFreezes };

const { values: sizes } = parseArgs({
  options: {
    kills: { type: 'string', default: '45' },
    outages: { type: 'string', default: '15' },
    freezes: { type: 'string', default: '9' },
  },
});
const seed = chooseSeed();
// The run ends all processes that are started here, even if this one is interrupted or killed.
const run = new Run();
let isAllWell = true;
for (const name of Object.keys(scenarios) as (keyof typeof scenarios)[]) {
  const size = Number(sizes[name]);
  if (!(size > 0)) continue;
  process.stdout.write(`${size} ${name}, HEADWAY_CHAOS_SEED=${seed} …\n`);
  const tally = await scenarios[name](size, seed);
  process.stdout.write(`${tally}\n\n`);
  if (!tally.isWell) isAllWell = false;
}
const left = await run.end();
for (const line of left) process.stdout.write(`✗ left behind: ${line}\n`);
process.exitCode = isAllWell && left.length === 0 ? 0 : 1;
