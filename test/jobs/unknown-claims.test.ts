import { describe, expect, it } from 'vitest';
import { UnknownClaims } from '../../src/jobs/runner/unknown-claims.ts';

const row = { taskId: 'a', attempt: 2 };
const isKnown = () => true;
const isUnknown = () => false;

describe('of the rows that a flush finds beside those it has sent', () => {
  it('those that are known, as they end or were left out of it, are no reason to ask again', () => {
    const claims = new UnknownClaims();

    expect(claims.sift([row], isKnown)).toEqual({ lost: [], hasOthers: false });
  });

  it('one that is strange is asked about once more before it is lost', () => {
    const claims = new UnknownClaims();

    expect(claims.sift([row], isUnknown)).toEqual({ lost: [], hasOthers: true });
    expect(claims.sift([row], isUnknown)).toEqual({ lost: [row], hasOthers: false });
  });

  it('one that a claim under way may have taken is not lost before that has ended', async () => {
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

  it('one whose task is known under another attempt is strange like any other', () => {
    const claims = new UnknownClaims();
    const isFirstAttempt = ({ attempt }: { attempt: number }) => attempt === 1;

    claims.sift([row, { taskId: 'a', attempt: 1 }], isFirstAttempt);

    expect(claims.sift([row], isFirstAttempt)).toEqual({ lost: [row], hasOthers: false });
  });
});
