/** How long a client is kept waiting for the database. */
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from './problems.ts';

const answerTimeMs = 5_000;

/**
 * The value of `work`, or a 503 after 5 s. The work itself goes on: a statement that hangs in a frozen
 * server ends when its connection is given up.
 */
export async function withinAnswerTime<T>(work: Promise<T>, limitMs = answerTimeMs): Promise<T> {
  const limit = new AbortController();
  const tooLate = async () => {
    await sleep(limitMs, undefined, { signal: limit.signal });
    throw unavailable(
      `The database did not answer within ${limitMs / 1000} s. Try again in a few seconds; a submit with a key may be repeated safely.`,
    );
  };
  const late = tooLate();
  // The loser of the race may fail unheard.
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    limit.abort();
  }
}
