import { describe, expect, it } from 'vitest';
import { UnknownClaims } from '../../src/jobs/runner/unknown-claims.ts';

const row = { taskId: 'a', attempt: 2 };
const isKnown = () => true;
const isUnknown = () => false;

describe('a row that a flush finds, and that was not among the attempts of the flush,', () => {
  it('is no reason to ask again if it is known: its attempt is ending or was left out of the flush', () => {
    const claims = new UnknownClaims();

    expect(claims.sift([row], isKnown)).toEqual({ lost: [], hasOthers: false });
  });

  it('is asked about once more, if it is unknown, before it counts as lost', () => {
    const claims = new UnknownClaims();

    expect(claims.sift([row], isUnknown)).toEqual({ lost: [], hasOthers: true });
    expect(claims.sift([row], isUnknown)).toEqual({ lost: [row], hasOthers: false });
  });

  it('does not count as lost before all claims have ended that may have claimed it', async () => {
    const claims = new UnknownClaims();
    const answer = Promise.withResolvers<void>();
    const claim = claims.during(() => answer.promise);

    expect(claims.sift([row], isUnknown)).toEqual({ lost: [], hasOthers: true });
    expect(claims.sift([row], isUnknown)).toEqual({ lost: [], hasOthers: true });
    answer.resolve();
    await claim;
    claims.sift([row], isUnknown);

    expect(claims.sift([row], isUnknown)).toEqual({ lost: [row], hasOthers: false });
  });

  it('counts as unknown if its task is known under another attempt only', () => {
    const claims = new UnknownClaims();
    const isFirstAttempt = ({ attempt }: { attempt: number }) => attempt === 1;

    claims.sift([row, { taskId: 'a', attempt: 1 }], isFirstAttempt);

    expect(claims.sift([row], isFirstAttempt)).toEqual({ lost: [row], hasOthers: false });
  });
});
