/** What others see while clients without a key do their worst, and what memory it takes. */
import { type AttackName, attacks } from '../test/support/floods/attacks.ts';
import { flood } from '../test/support/floods/flood.ts';
import { createFloodTasks, idsFor } from '../test/support/floods/tasks.ts';
import { Run } from '../test/support/run/run.ts';
import { Server } from './reads/servers.ts';
import { print, withDatabase } from './support.ts';

const seconds = 8;

export async function run(): Promise<void> {
  const { TMPDIR } = process.env;
  // Ends all that is started here, also where this process is interrupted or killed.
  const run = new Run();
  try {
    print(`polls of others, 20 a second, during ${seconds} s of an attack and 5 s after`);
    await withDatabase(async ({ databaseUrl, db }) => {
      const tasks = await createFloodTasks(db.pool);
      for (const attack of Object.keys(attacks) as AttackName[]) {
        // Each by itself: what one leaves in memory is not the next one's.
        const server = await Server.start('headway', databaseUrl);
        const seen = await flood({
          ...{ attack, url: server.url, pid: server.pid, seconds },
          ...{ polled: tasks.polled, ids: idsFor(attack, tasks) },
        });
        print(
          `  ${attack}: p50 ${seen.p50Ms.toFixed(1)} ms, p99 ${seen.p99Ms.toFixed(0)} ms, longest ${seen.longestMs.toFixed(0)} ms; ` +
            `${seen.failed} of ${seen.polls} failed; RSS + ${seen.rssGrowthMb.toFixed(0)} MB`,
        );
        await server.stop();
      }
    });
  } finally {
    for (const line of await run.end()) {
      print(`left behind: ${line}`);
      process.exitCode = 1;
    }
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
}
