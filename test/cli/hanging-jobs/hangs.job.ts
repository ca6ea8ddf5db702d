/** A job file that can be imported in a parent, but whose import never ends in a runner. */
import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

if (process.argv[1]?.endsWith('runner-process.ts')) {
  setInterval(() => undefined, 60_000);
  await new Promise(() => undefined);
}

export default defineJob({
  type: 'hangs',
  input: z.null(),
  result: z.null(),
  async run() {
    return null;
  },
});
