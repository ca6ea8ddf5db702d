import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

const values = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  negative: -5,
  huge: Number.MAX_VALUE,
  undefined: undefined as unknown as number,
  string: '7' as unknown as number,
  bigint: 7n as unknown as number,
};

/** Reports values that make no sense, and goes on. */
export default defineJob({
  type: 'reports',
  input: z.object({ settleMs: z.number().default(0) }),
  result: z.object({ calls: z.int() }),
  async run({ settleMs }, task) {
    let calls = 0;
    task.progress(10, 100, 'sensible');
    for (const value of Object.values(values)) {
      task.progress(value);
      task.progress(5, value);
      calls += 2;
    }
    task.progress(3, 0, 'a\u0000b\ud800');
    task.progress(200, 100, 'm'.repeat(1_000_000));
    task.progress(1, 100, {
      toString: () => {
        throw new Error('no text');
      },
    } as unknown as string);
    for (let line = 0; line < 1000; line += 1) task.log(`line ${line}\u0000`);
    await sleep(settleMs);
    return { calls };
  },
});
