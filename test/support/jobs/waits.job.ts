import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Waits for a while, or until its signal aborts; at most two at a time in a runner. */
export default defineJob({
  type: 'waits',
  input: z.object({ ms: z.number(), ignoresSignal: z.boolean().default(false) }),
  result: z.object({ waitedMs: z.number() }),
  concurrency: 2,
  timeoutSeconds: 3,
  maxAttempts: 2,
  backoff: { seconds: 0.05, maxSeconds: 0.1 },
  async run({ ms, ignoresSignal }, task) {
    task.log('waiting');
    await sleep(ms, undefined, ignoresSignal ? {} : { signal: task.signal });
    return { waitedMs: ms };
  },
});
