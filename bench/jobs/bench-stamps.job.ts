import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';

/** Reports now and then, with the time of the report in its message: `stamp <ns of the monotonic clock>`. */
export default defineJob({
  type: 'bench-stamps',
  input: z.object({ reports: z.int(), everyMs: z.number() }),
  result: z.null(),
  async run({ reports, everyMs }, task) {
    for (let number = 1; number <= reports; number += 1) {
      // A random pause, so that reports come at any phase of the flush and the tick.
      await sleep(everyMs * (0.75 + Math.random() / 2), undefined, { signal: task.signal });
      task.progress(number, reports, `stamp ${process.hrtime.bigint()}`);
    }
    // Wait, so that clients see the last report before the end.
    await sleep(everyMs);
    return null;
  },
});
