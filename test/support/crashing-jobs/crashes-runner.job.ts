import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Ends each runner that has loaded this file, soon after the runner is ready. */
if (process.argv[1]?.endsWith('runner-process.ts')) setTimeout(() => process.exit(7), 1_000);

export default defineJob({
  type: 'crashes-runner',
  input: z.unknown(),
  result: z.null(),
  run: () => null,
});
