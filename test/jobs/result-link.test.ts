import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';
import { resultLinkOf } from '../../src/jobs/registry.ts';

/** What a job with this `resultLink` says of a result. */
function linkOf(result: unknown, resultLink: (result: { items: { id: string }[] }) => unknown): unknown {
  const job = defineJob({
    type: 'lists-things',
    input: z.null(),
    result: z.object({ items: z.array(z.object({ id: z.string() })) }),
    // What a job file in plain JavaScript may hold.
    resultLink: resultLink as () => string,
    run: () => ({ items: [] }),
  });
  const registry = { get: () => job, types: [job.type] };
  return resultLinkOf(registry, pino({ level: 'silent' }))(job.type, result);
}

describe('the link to what a task has made', () => {
  it('is what its job says', () => {
    expect(linkOf({ items: [{ id: '1' }] }, ({ items }) => `/things/${items[0]?.id}`)).toBe('/things/1');
  });

  it('is none where the job fails to say it', () => {
    expect(linkOf({ items: [] }, ({ items }) => `/things/${(items[0] as { id: string }).id}`)).toBe(
      undefined,
    );
  });

  it.each([[null], [7], [{}]])('is none where the job says %j', (link) => {
    expect(linkOf({ items: [] }, () => link)).toBe(undefined);
  });

  it.each(['/things/1', '/things/a b?c=d#e', 'https://other.example/x', 'HTTP://other.example'])(
    'may lead to %j',
    (link) => {
      expect(linkOf({ items: [] }, () => link)).toBe(link);
    },
  );

  // Browsers drop control characters in an address, and take a backslash for a slash.
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

  it('is none for a result of an older version of the job', () => {
    expect(linkOf({ rows: 1 }, () => '/things')).toBe(undefined);
  });
});
