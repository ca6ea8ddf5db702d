import { existsSync } from 'node:fs';
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/**
 * Computes for some seconds, or until a file exists, without yielding: the runner's event loop stands still.
 */
export default defineJob({
  type: 'compute',
  input: z.object({ seconds: z.number(), untilFile: z.string().optional() }),
  result: z.object({ turns: z.number() }),
  timeoutSeconds: 600,
  run({ seconds, untilFile }) {
    const end = performance.now() + seconds * 1000;
    let turns = 0;
    while (performance.now() < end && !(untilFile !== undefined && existsSync(untilFile))) turns += 1;
    return { turns };
  },
});
