import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/jobs/errors.ts';
import { describeThrown, maxErrorLength } from '../../src/jobs/thrown.ts';

const throws = () => {
  throw new Error('gotcha');
};
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const trapped = new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws, ownKeys: throws });
const circular: Record<string, unknown> = {};
circular.self = circular;
const refused = (message: string) => Object.assign(new Error(message), { code: 'ECONNREFUSED' });
const withMessage = (message: unknown) => Object.assign(new Error('x'), { message });

describe('a thrown value', () => {
  it.each([
    ['an error', new Error('it broke'), 'job_error', 'it broke'],
    ['an error with a code', Object.assign(new Error('no'), { code: 'ENOENT' }), 'ENOENT', 'no'],
    ['a permanent error', new PermanentError('never', { code: 'no_use' }), 'no_use', 'never'],
    ['a string', 'just a string', 'job_error', 'just a string'],
    ['a number', 42, 'job_error', '42'],
    ['a BigInt', 42n, 'job_error', '42'],
    ['a symbol', Symbol('s'), 'job_error', 'Symbol(s)'],
    ['undefined', undefined, 'job_error', 'undefined'],
    ['null', null, 'job_error', 'null'],
    ['an object', { some: 'object' }, 'job_error', '{"some":"object"}'],
    ['an object with a message', { message: 'said so', code: 'e' }, 'e', 'said so'],
    ['an error whose message is no text', withMessage(7), 'job_error', 'Error: 7'],
    ['an empty error', new Error(''), 'job_error', 'The job failed without a message'],
    ['a blank error', new Error(' \n '), 'job_error', 'The job failed without a message'],
    ['a circular object', circular, 'job_error', 'The job failed without a message'],
    ['a revoked proxy', revoked(), 'job_error', 'The job failed without a message'],
    ['a proxy that throws', trapped, 'job_error', 'The job failed without a message'],
    ['an object without a prototype', Object.create(null), 'job_error', '{}'],
  ])('is shown as code and message: %s', (_name, thrown, code, message) => {
    expect(describeThrown(thrown)).toEqual({ code, message });
  });

  it.each([
    [
      'fetch',
      new TypeError('fetch failed', { cause: refused('connect ECONNREFUSED 127.0.0.1:1') }),
      'fetch failed: connect ECONNREFUSED 127.0.0.1:1',
    ],
    [
      'fetch by two addresses',
      new TypeError('fetch failed', {
        cause: Object.assign(
          new AggregateError([refused('connect ECONNREFUSED ::1:1'), refused('other')], ''),
          {
            code: 'ECONNREFUSED',
          },
        ),
      }),
      'fetch failed: connect ECONNREFUSED ::1:1',
    ],
    ['an AggregateError', new AggregateError([new Error(''), refused('no such host')]), 'no such host'],
    ['an empty error with a cause', new Error('', { cause: refused('the cause') }), 'the cause'],
  ])('is told by the first words that say something, with their code: %s', (_name, thrown, message) => {
    expect(describeThrown(thrown)).toEqual({ code: 'ECONNREFUSED', message });
  });

  it('keeps its own message if it has one', () => {
    expect(describeThrown(new Error('it broke', { cause: refused('deeper') }))).toEqual({
      code: 'job_error',
      message: 'it broke',
    });
  });

  it('may be a circle of errors without a message', () => {
    const error = new Error('');
    error.cause = error;

    expect(describeThrown(error).message).toBe('The job failed without a message');
  });

  it.each(['', 'with space', 'x'.repeat(65), 'ü', 7, null, { code: 'x' }])(
    'has no code of its own where that is none: %j',
    (code) => {
      expect(describeThrown(Object.assign(new Error('x'), { code })).code).toBe('job_error');
    },
  );

  it('is cut if it is long, and its binary data is made text', () => {
    expect(describeThrown(new Error('x'.repeat(5_000_000))).message).toHaveLength(maxErrorLength);
    expect(describeThrown(new Error('a\0b\u0007\ud800\nc\td')).message).toBe('a\ufffdb\ufffd\ufffd\nc\td');
    expect(describeThrown({ bell: '\u0085\u007f' }).message).toBe('{"bell":"\ufffd\ufffd"}');
  });

  it('never shows a stack', () => {
    const { message } = describeThrown(new Error('it broke', { cause: new Error('deeper') }));

    expect(message).not.toMatch(/at .*:\d+/);
  });

  it('of any kind can be described', () => {
    const thrown = fc.oneof(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withSparseArray: true,
      }),
      fc.anything().map(withMessage),
      fc.anything().map((code) => Object.assign(new Error('x'), { code })),
      fc.string({ unit: 'binary' }).map((message) => new Error(message)),
      fc.string({ unit: 'binary' }).map((message) => ({ message })),
      fc.string({ unit: 'binary' }).map((text) => ({ text })),
    );

    fc.assert(
      fc.property(thrown, (value) => {
        const { code, message } = describeThrown(value);

        expect(code).toMatch(/^[A-Za-z0-9_.:-]{1,64}$/);
        expect(message.trim()).not.toBe('');
        expect(message.length).toBeLessThanOrEqual(maxErrorLength);
        expect(message).not.toMatch(/[^\P{Cc}\t\n\r]|\p{Cs}/u);
      }),
      { numRuns: 200 },
    );
  });
});
