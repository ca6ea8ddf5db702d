import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobDefinition, Kept } from '../../src/jobs/define-job.ts';
import { resultLinkOf } from '../../src/jobs/registry.ts';

const items = z.object({ items: z.array(z.object({ id: z.string() })) });

/** The link that a job with this `resultLink` gives for a result. */
function linkOf<Result extends z.ZodType = typeof items>(
  result: unknown,
  resultLink: (result: Kept<z.output<Result>>) => unknown,
  schema?: Result,
): unknown {
  const job = {
    type: 'lists-things',
    input: z.null(),
    result: schema ?? items,
    // The cast below stands for a job file in plain JavaScript, which may contain anything.
    resultLink,
    run: () => null,
  } as unknown as JobDefinition;
  const registry = { get: () => job, types: [job.type] };
  return resultLinkOf(registry, pino({ level: 'silent' }))(job.type, result);
}

describe('the link to what a task has made', () => {
  it('is the one that its job gives', () => {
    expect(linkOf({ items: [{ id: '1' }] }, ({ items }) => `/things/${items[0]?.id}`)).toBe('/things/1');
  });

  it('is none if the job throws', () => {
    expect(linkOf({ items: [] }, ({ items }) => `/things/${(items[0] as { id: string }).id}`)).toBe(
      undefined,
    );
  });

  it.each([[null], [7], [{}]])('is none if the job gives %j', (link) => {
    expect(linkOf({ items: [] }, () => link)).toBe(undefined);
  });

  it.each(['/things/1', '/things/a b?c=d#e', 'https://other.example/x', 'HTTP://other.example'])(
    'may lead to %j',
    (link) => {
      expect(linkOf({ items: [] }, () => link)).toBe(link);
    },
  );

  // Browsers remove control characters from an address, and take a backslash for a slash.
  it.each([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    '//other.example',
    '/\t/other.example',
    '/\n/other.example',
    '/\\other.example',
    'https:other.example',
    'https://',
    'things/1',
    '',
  ])('is none where it would lead elsewhere, or run a script: %j', (link) => {
    expect(linkOf({ items: [] }, () => link)).toBe(undefined);
  });

  describe('of a schema that changes the result', () => {
    const schema = z.object({
      n: z.string().transform(Number),
      at: z.date(),
      by: z.string().refine(async () => true),
      kind: z.enum(['a', 'b']).default('a'),
      more: z.record(z.string(), z.tuple([z.literal(1), z.union([z.null(), z.boolean()])])).readonly(),
      note: z.string().or(z.undefined()),
      get inner() {
        return z.lazy(() => schema).nullable();
      },
    });
    const stored = {
      n: 7,
      at: '1970-01-01',
      by: 'x',
      kind: 'b',
      more: { a: [1, null], b: [1, true] },
      inner: null,
    };
    const link = (result: object) => linkOf(result, ({ n }) => `/n/${n}`, schema);

    it('is what the job says of the result as it is stored: nothing parses it again', () => {
      expect(link(stored)).toBe('/n/7');
      expect(link({ ...stored, inner: stored, added: 1 })).toBe('/n/7');
    });

    it.each([
      ['at', 7],
      ['by', undefined],
      ['kind', 'c'],
      ['more', { a: [2, null] }],
      ['more', { a: [1, 'x'] }],
      ['more', []],
      ['note', 7],
      ['inner', {}],
      ['inner', { ...stored, by: null }],
    ])('is none where its %s is %j, as an older version left it', (field, value) => {
      expect(link({ ...stored, [field]: value })).toBe(undefined);
    });
  });

  it('is none for a result of an older version of the job', () => {
    expect(linkOf({ rows: 1 }, () => '/things')).toBe(undefined);
  });
});
