import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/logging/log.ts';

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const inCircle = () => {
  const error = new AggregateError([], 'in a circle');
  error.errors.push(error);
  return error;
};
const fighting = () => ({
  get message() {
    throw new Error('gotcha');
  },
});
const withoutStack = () =>
  Object.defineProperty(new Error('hides its stack'), 'stack', {
    get() {
      throw new Error('gotcha');
    },
  });

/** The line that is logged for an error. */
function lineOf(error: unknown): { msg: string; err: { message?: string; stack?: string } | null } {
  const lines: string[] = [];
  const log = createLog('info', 'test', { write: (line) => lines.push(line) });
  log.error({ err: error }, 'told');
  expect(lines).toHaveLength(1);
  expect(lines[0]?.length).toBeLessThan(30_000);
  return JSON.parse(lines[0] ?? '');
}

describe('a line of the log', () => {
  it.each([
    ['frozen', Object.freeze(new Error('frozen')), 'frozen'],
    ['in a circle', inCircle(), 'in a circle'],
    ['a revoked proxy', revoked(), 'Revoked Proxy'],
    ['an object that fights being read', fighting(), 'Getter'],
    ['an error that hides its stack', withoutStack(), ''],
    ['megabytes long', new Error('x'.repeat(5_000_000)), 'xxx'],
    ['a symbol', Symbol('thrown'), 'Symbol(thrown)'],
    ['a bigint', 10n, '10n'],
  ])('is written of what was thrown, though it is %s', (_what, error, words) => {
    const { msg, err } = lineOf(error);

    expect(msg).toBe('told');
    expect(err?.message).toContain(words);
  });

  it('has the stack and the causes of an ordinary error', () => {
    const { err } = lineOf(new Error('outer', { cause: new Error('inner') }));

    expect(err?.message).toBe('outer: inner');
    expect(err?.stack).toContain('log.test.ts');
  });
});
