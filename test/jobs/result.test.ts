import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { encodeResult, maxResultBytes } from '../../src/jobs/attempt/result.ts';
import { defineJob } from '../../src/jobs/define-job.ts';
import { PermanentError } from '../../src/jobs/errors.ts';
import { cleanseJson } from '../../src/tasks/model/text.ts';

function jobReturning(result: z.ZodType) {
  return defineJob({ type: 'job', input: z.null(), result, run: () => null });
}

const anyJob = jobReturning(z.unknown());
const circular: Record<string, unknown> = {};
circular.self = circular;
const shared = { a: 1 };
const throws = () => {
  throw new Error('gotcha');
};

describe('a result', () => {
  it('becomes JSON in the shape that the job declares, a Date as its text', async () => {
    const job = jobReturning(z.object({ rows: z.int(), at: z.date() }));

    const json = await encodeResult(job, { rows: 3, at: new Date(0), undeclared: true });

    expect(json).toBe('{"rows":3,"at":"1970-01-01T00:00:00.000Z"}');
  });

  it('may be checked and changed by a schema that takes its time', async () => {
    const later = z.string().transform(async (text) => `${text}!`);

    expect(await encodeResult(jobReturning(z.object({ later })), { later: 'now' })).toBe('{"later":"now!"}');
  });

  it.each([
    ['undefined', undefined, 'result is undefined, which JSON cannot express; let it be null'],
    ['a function', () => 1, 'result is a function, which JSON cannot express'],
    ['a symbol', { of: Symbol('x') }, 'result.of is a symbol'],
    ['a BigInt', { rows: [{ n: 1 }, { n: 10n }] }, 'result.rows[1].n is a BigInt'],
    ['NaN', { rate: Number.NaN }, 'result.rate is NaN'],
    ['infinity', [Number.POSITIVE_INFINITY], 'result[0] is Infinity'],
    ['undefined in an array', { names: ['a', undefined] }, 'result.names[1] is undefined'],
    ['a Map', { 'by name': new Map([['a', 1]]) }, 'result["by name"] is a Map'],
    ['a Set', new Set([1]), 'result is a Set'],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'result.at is an invalid Date'],
    ['an error', { error: new TypeError('x') }, 'result.error is a TypeError'],
    ['bytes', new Uint8Array(3), 'result is a Uint8Array'],
    ['a regular expression', [/x/], 'result[0] is a RegExp'],
    ['a promise', { later: Promise.resolve(1) }, 'result.later is a Promise'],
    ['a method', { count: () => 1 }, 'result.count is a function'],
    ['a circular object', { of: circular }, 'result.of.self is circular'],
    ['an object whose toJSON throws', { a: { toJSON: throws } }, 'result.a cannot be read: gotcha'],
    [
      'an object with a getter that throws',
      Object.defineProperty({}, 'a', { get: throws, enumerable: true }),
      'result cannot be read: gotcha',
    ],
    ['a proxy that was revoked', { a: revoked() }, 'result.a cannot be read: '],
    ['an object whose toJSON throws such a proxy', { toJSON: throwsRevoked }, 'result cannot be read: '],
    ['one that is too deep', nested(100_000), 'cannot be read: Maximum call stack size exceeded'],
    ['one that is too large', 'x'.repeat(maxResultBytes), 'is 1048578 bytes of JSON; at most 1048576'],
    ['one that is too large in bytes', 'ü'.repeat(maxResultBytes / 2), 'bytes of JSON'],
  ])('fails the task for good, and says why: %s', async (_name, result, reason) => {
    const { error } = await encodeOrError(result);

    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ code: 'invalid_result', message: expect.stringContaining(reason) });
  });

  it.each([
    ['fields that are undefined are left out', { a: undefined, b: 1 }, { b: 1 }],
    ['what has a toJSON is what that says', { url: new URL('http://a/b') }, { url: 'http://a/b' }],
    ['fields whose toJSON says undefined are left out', { a: { toJSON: () => undefined } }, {}],
    [
      'objects of classes are their fields',
      new (class Point {
        x = 1;
      })(),
      { x: 1 },
    ],
    ['objects without a prototype are objects', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['numbers and texts in objects are what they hold', [Object(1), Object('a')], [1, 'a']],
    ['the same object twice is no circle', [shared, shared], [{ a: 1 }, { a: 1 }]],
    ['the prototype is no field', JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":1}')],
  ])('%s', async (_what, result, kept) => {
    expect(JSON.parse(await encodeResult(anyJob, result))).toEqual(kept);
  });

  it('may be as large as the limit', async () => {
    expect(await encodeResult(anyJob, 'x'.repeat(maxResultBytes - 2))).toHaveLength(maxResultBytes);
  });

  it('of another shape is refused, with the path', async () => {
    const job = jobReturning(z.object({ counts: z.object({ rows: z.int() }) }));

    await expect(encodeResult(job, { counts: { rows: 'three' } })).rejects.toThrow(
      /result\.counts\.rows: .*number/,
    );
    await expect(encodeResult(job, 'nothing')).rejects.toThrow(/result: .*object/);
  });

  it('is cleansed of characters that jsonb refuses', async () => {
    expect(JSON.parse(await encodeResult(anyJob, { 'a\0': '\ud800b\0' }))).toEqual({ a: '\ufffdb' });
  });

  it('that is JSON is kept as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        expect(await encodeResult(anyJob, value)).toBe(JSON.stringify(cleanseJson(value)));
      }),
    );
  });

  it('of any kind becomes JSON or a permanent error', async () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      withObjectString: true,
    });

    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        const outcome = await encodeOrError(value);

        expect(outcome.error === undefined || outcome.error instanceof PermanentError).toBe(true);
        expect(() => JSON.parse(outcome.json ?? 'null')).not.toThrow();
      }),
    );
  });

  it('whose schema throws is refused for good, and names the schema', async () => {
    const fails = z.any().transform(() => {
      throw new Error('boom');
    });
    const job = defineJob({ type: 'fails', input: z.null(), result: fails, run: () => null });

    const error = await encodeResult(job, 1).catch((cause: unknown) => cause);

    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({
      code: 'invalid_result',
      message: "The schema of the job's result failed: boom",
    });
  });
});

async function encodeOrError(value: unknown): Promise<{ json?: string; error?: unknown }> {
  try {
    return { json: await encodeResult(anyJob, value) };
  } catch (error) {
    return { error };
  }
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function throwsRevoked(): never {
  throw revoked();
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}
