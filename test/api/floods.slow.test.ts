/** How others are served, and how much memory it takes, while clients without a key flood the service. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectDir } from '../../src/config.ts';
import { openDatabase } from '../../src/database/database.ts';
import { allowanceMs } from '../support/calibration.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type AttackName, attacks } from '../support/floods/attacks.ts';
import { flood } from '../support/floods/flood.ts';
import { createFloodTasks, type FloodTasks, idsFor } from '../support/floods/tasks.ts';
import { HeadwayProcess } from '../support/process.ts';

const promisedMs = 100;
const promisedMb = 150;
const seconds = 4;

let database: TestDatabase;
let tasks: FloodTasks;
beforeAll(async () => {
  database = await createTestDatabase();
  const db = openDatabase(database.url, { name: 'headway floods' });
  tasks = await createFloodTasks(db.pool);
  await db.close();
});
afterAll(() => database.drop());

test.each(Object.keys(attacks) as AttackName[])(
  'others are served during an attack by %s',
  async (attack) => {
    const bin = path.join(projectDir, 'node_modules/.bin');
    const env = {
      PATH: `${bin}:${process.env.PATH}`,
      PORT: '0',
      DATABASE_URL: database.url,
      HEADWAY_RUNNERS: '0',
      HEADWAY_LOG_LEVEL: 'warn',
    };
    const headway = new HeadwayProcess([], env, { line: startScript(), cwd: projectDir });
    const url = await headway.ready();
    const allowedMs = await allowanceMs();

    const seen = await flood({
      ...{ attack, url, pid: headway.pid, seconds },
      ...{ polled: tasks.polled, ids: idsFor(attack, tasks) },
    });

    headway.signalGroup('SIGKILL');
    await headway.exited;
    // Of the median: the other slow tests beside it are a flood, too. `npm run bench -- floods` tells the p99.
    expect(seen.p50Ms).toBeLessThan(promisedMs + allowedMs);
    expect(seen.rssGrowthMb).toBeLessThan(promisedMb);
  },
);

/** The command of `npm start`, with all flags; npm itself would stay as a process in between. */
function startScript(): string {
  const { scripts } = createRequire(import.meta.url)('../../package.json') as { scripts: { start: string } };
  return scripts.start;
}
