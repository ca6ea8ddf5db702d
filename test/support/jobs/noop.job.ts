import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Does nothing, at once. */
export default defineJob({ type: 'noop', input: z.unknown(), result: z.null(), run: () => null });
