/** What others see while clients without a key do their worst, and what memory it takes. */
import { type AttackName, attacks } from '../test/support/floods/attacks.ts';
import { flood } from '../test/support/floods/flood.ts';
import { createFloodTasks, idsFor } from '../test/support/floods/tasks.ts';
import { Server } from './servers.ts';
import { print, withDatabase } from './support.ts';

const seconds = 8;

export async function run(): Promise<void> {
  print(`polls of others, 20 a second, during ${seconds} s of an attack and 5 s after`);
  await withDatabase(async ({ databaseUrl, db }) => {
    const tasks = await createFloodTasks(db.pool);
    for (const attack of Object.keys(attacks) as AttackName[]) {
      // Each by itself: what one leaves in memory is not the next one's.
      const server = await Server.startShipped(databaseUrl, { HEADWAY_RUNNERS: '0' });
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
}
