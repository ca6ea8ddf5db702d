import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Ways in which a job ends its whole process. */
const ways = {
  abort: () => process.abort(),
  exit: () => process.exit(3),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  throwUncaught: () => {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    return sleep(60_000);
  },
  exhaustHeap: () => {
    const kept: unknown[] = [];
    // Objects lie on the heap, and soon need more than the 256 MB that the tests allow.
    for (;;) kept.push({ some: kept.length, more: [kept.length] });
  },
} satisfies Record<string, () => unknown>;

const killings = Object.keys(ways) as (keyof typeof ways)[];

export default defineJob({
  type: 'kills',
  input: z.object({
    how: z.enum(killings),
    afterMs: z.number().default(0),
    /** The job commits a checkpoint first, as if it had made progress. */
    saves: z.boolean().default(false),
  }),
  result: z.null(),
  async run({ how, afterMs, saves }, task) {
    if (saves) await task.checkpoint({ attempt: task.attempt });
    await sleep(afterMs);
    await ways[how]();
    return null;
  },
});
