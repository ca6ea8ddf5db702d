import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';
import { PermanentError } from '../../src/jobs/errors.ts';
import { encodeResult, maxResultBytes } from '../../src/jobs/result.ts';

function jobReturning(result: z.ZodType) {
  return defineJob({ type: 'job', input: z.null(), result, run: () => null });
}

const anyJob = jobReturning(z.unknown());
const circular: Record<string, unknown> = {};
circular.self = circular;
const throws = () => {
  throw new Error('gotcha');
};

describe('a result', () => {
  it('becomes JSON in the shape that the job declares', () => {
    const job = jobReturning(z.object({ rows: z.int(), at: z.date() }));

    const json = encodeResult(job, { rows: 3, at: new Date(0), undeclared: true });

    expect(json).toBe('{"rows":3,"at":"1970-01-01T00:00:00.000Z"}');
  });

  it.each([
    ['undefined', undefined, /is undefined/],
    ['a function', () => 1, /is undefined/],
    ['a symbol', Symbol('x'), /is undefined/],
    ['a BigInt', 10n, /BigInt/],
    ['a circular object', circular, /circular/],
    ['an object whose toJSON throws', { toJSON: throws }, /gotcha/],
    ['one that is too large', 'x'.repeat(maxResultBytes), /1048578 bytes of JSON; at most 1048576/],
    ['one that is too large in bytes', 'ü'.repeat(maxResultBytes / 2), /bytes of JSON/],
  ])('fails the task for good, and says why: %s', (_name, result, reason) => {
    const encode = () => encodeResult(anyJob, result);

    expect(encode).toThrow(PermanentError);
    expect(encode).toThrow(reason);
    expect(encode).toThrow(expect.objectContaining({ code: 'invalid_result' }));
  });

  it('may be as large as the limit', () => {
    expect(encodeResult(anyJob, 'x'.repeat(maxResultBytes - 2))).toHaveLength(maxResultBytes);
  });

  it('of another shape is refused, with the path', () => {
    const job = jobReturning(z.object({ counts: z.object({ rows: z.int() }) }));

    expect(() => encodeResult(job, { counts: { rows: 'three' } })).toThrow(/counts\.rows: .*number/);
    expect(() => encodeResult(job, 'nothing')).toThrow(/result: .*object/);
  });

  it('is cleansed of what jsonb refuses', () => {
    expect(JSON.parse(encodeResult(anyJob, { 'a\0': '\ud800b\0' }))).toEqual({ a: '\ufffdb' });
  });

  it('whatever it is, is JSON or a permanent error', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), (value) => {
        const outcome = encodeOrError(value);

        expect(outcome.error === undefined || outcome.error instanceof PermanentError).toBe(true);
        expect(() => JSON.parse(outcome.json ?? 'null')).not.toThrow();
      }),
    );
  });
});

function encodeOrError(value: unknown): { json?: string; error?: unknown } {
  try {
    return { json: encodeResult(anyJob, value) };
  } catch (error) {
    return { error };
  }
}
