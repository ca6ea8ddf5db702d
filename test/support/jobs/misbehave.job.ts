import { z } from 'zod';
import { defineJob } from '../../../src/jobs/define-job.ts';
import { PermanentError } from '../../../src/jobs/errors.ts';

const circular: Record<string, unknown> = {};
circular.self = circular;

/** Everything that a job should not do, by name. */
const ways = {
  throwString: () => {
    throw 'just a string';
  },
  throwUndefined: () => {
    throw undefined;
  },
  throwNull: () => {
    throw null;
  },
  throwObject: () => {
    throw { some: 'object' };
  },
  throwCircular: () => {
    throw Object.assign(new Error('circular'), { cause: circular });
  },
  throwHugeMessage: () => {
    throw new Error('x'.repeat(5_000_000));
  },
  throwBinaryMessage: () => {
    throw new Error('\u0000\u0001\ud800 binary');
  },
  throwHostile: () => {
    throw {
      get message() {
        throw new Error('gotcha');
      },
      toString() {
        throw new Error('gotcha');
      },
    };
  },
  throwRevokedProxy: () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  },
  throwSymbol: () => {
    throw Symbol('thrown');
  },
  throwCoded: () => {
    throw Object.assign(new Error('coded'), { code: 'E_CODED' });
  },
  throwPermanent: () => {
    throw new PermanentError('never again', { code: 'no_use' });
  },
  returnBigInt: () => 10n,
  returnCircular: () => circular,
  returnUndefined: () => undefined,
  returnHuge: () => 'x'.repeat(1_100_000),
  returnNulls: () => ({ text: 'a\u0000b\ud800c', 'k\u0000ey': 1 }),
} satisfies Record<string, () => unknown>;

export const misbehaviours = Object.keys(ways) as (keyof typeof ways)[];

export default defineJob({
  type: 'misbehave',
  input: z.object({ how: z.enum(misbehaviours) }),
  result: z.unknown(),
  backoff: { seconds: 0.05, maxSeconds: 0.1 },
  maxAttempts: 2,
  run: ({ how }) => ways[how](),
});
