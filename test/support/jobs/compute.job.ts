import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Computes without yielding: the runner's event loop stands still meanwhile. */
export default defineJob({
  type: 'compute',
  input: z.object({ seconds: z.number() }),
  result: z.object({ turns: z.number() }),
  timeoutSeconds: 600,
  run({ seconds }) {
    const end = performance.now() + seconds * 1000;
    let turns = 0;
    while (performance.now() < end) turns += 1;
    return { turns };
  },
});
