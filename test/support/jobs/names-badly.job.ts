import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** Takes its title and key from the input, even if they are no text; for `throw` the function throws. */
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
