import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';

/** Computes without a pause, so that the event loop of its runner stands still. */
export default defineJob({
  type: 'bench-blocks',
  input: z.object({ seconds: z.number() }),
  result: z.null(),
  run({ seconds }, task) {
    task.progress(0, seconds, 'Computing');
    const untilMs = performance.now() + seconds * 1000;
    while (performance.now() < untilMs);
    return null;
  },
});
