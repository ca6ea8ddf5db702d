import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** A job that ignores its signal, and either blocks the event loop or lets it turn. */
export default defineJob({
  type: 'stubborn',
  input: z.object({ seconds: z.number(), isBlocking: z.boolean() }),
  result: z.null(),
  timeoutSeconds: 1,
  maxAttempts: 1,
  async run({ seconds, isBlocking }) {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) if (!isBlocking) await sleep(50);
    return null;
  },
});
