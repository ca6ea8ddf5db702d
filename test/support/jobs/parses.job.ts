import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';

/** A check that is asynchronous, like a question to another service. */
const known = z.string().refine(async (name) => name !== 'nobody', 'is not known');

const said = z.string().transform((text) => {
  if (text === 'throw') throw new Error('no schema today');
  return text;
});

/** The schema turns the input into values that JSON cannot carry, and changes the result. */
export default defineJob({
  type: 'parses',
  input: z
    .object({
      count: z.string().transform(Number).optional(),
      big: z.coerce.bigint().optional(),
      when: z.coerce.date().optional(),
      tags: z
        .array(z.string())
        .transform((tags) => new Set(tags))
        .optional(),
      name: known.optional(),
      unit: z.string().default('rows'),
      says: said.optional(),
    })
    .transform((fields) => ({ fields })),
  result: z.object({
    saw: known,
    doubled: z
      .int()
      .transform((number) => number * 2)
      .pipe(z.int().max(100)),
    at: z.date(),
  }),
  title: ({ fields }) => `Parsed ${describe(fields)}`,
  resultLink: ({ doubled, at }) => `/doubled/${doubled}?at=${at}`,
  maxAttempts: 2,
  backoff: { seconds: 0.05, maxSeconds: 0.1 },
  run: ({ fields }) => ({ saw: describe(fields), doubled: 21, at: new Date(0) }),
});

function describe(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${describeValue(value)}`)
    .join(', ');
}

function describeValue(value: unknown): string {
  if (value instanceof Set) return `Set(${[...value].join(' ')})`;
  if (value instanceof Date) return value.toISOString();
  return `${typeof value} ${value}`;
}
