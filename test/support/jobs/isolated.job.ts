import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Waits for a while, and returns the id of its process. */
export default defineJob({
  type: 'isolated',
  input: z.object({ ms: z.number() }),
  result: z.object({ pid: z.int() }),
  isolated: true,
  async run({ ms }) {
    await sleep(ms);
    return { pid: process.pid };
  },
});
