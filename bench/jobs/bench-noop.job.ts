import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';

/** Returns the time of its first line, in nanoseconds of the machine's monotonic clock. */
export default defineJob({
  type: 'bench-noop',
  input: z.null(),
  result: z.object({ startedNs: z.string() }),
  run: () => ({ startedNs: String(process.hrtime.bigint()) }),
});
