import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Counts with a checkpoint at each step, and returns where its last attempt started from. */
export default defineJob({
  type: 'counts',
  input: z.object({ names: z.int(), stepMs: z.number(), ignoresSignal: z.boolean().default(false) }),
  result: z.object({ counted: z.int(), startedFrom: z.int() }),
  backoff: { seconds: 0.1, maxSeconds: 1 },
  async run({ names, stepMs, ignoresSignal }, task) {
    const { next: startedFrom } = (task.resumeFrom ?? { next: 0 }) as { next: number };
    for (let i = startedFrom; i < names; i += 1) {
      if (!ignoresSignal) task.signal.throwIfAborted();
      await sleep(stepMs);
      task.progress(i + 1, names);
      await task.checkpoint({ next: i + 1 });
    }
    return { counted: names, startedFrom };
  },
});
