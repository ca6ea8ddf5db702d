import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Its title and key are what its input says, whatever that is; `throw` throws. */
const say = (what: unknown) => {
  if (what === 'throw') throw new Error('no name today');
  return what as string;
};

export default defineJob({
  type: 'names-badly',
  input: z.object({ title: z.unknown().optional(), key: z.unknown().optional() }),
  result: z.null(),
  title: ({ title }) => say(title),
  key: ({ key }) => say(key),
  run: async () => null,
});
