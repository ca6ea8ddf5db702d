/** How long a client is kept waiting for the database. */
import type { FastifyReply } from 'fastify';
import { tryAgain, unavailable } from './problems.ts';

export const answerTimeMs = 5_000;

/**
 * The value of `work`, or a 503 after 5 s. The work itself goes on: a statement that hangs in a frozen
 * server ends when its connection is given up.
 */
export function withinAnswerTime<T>(work: Promise<T>, limitMs = answerTimeMs): Promise<T> {
  return within(work, limitMs, () =>
    unavailable(`The database did not answer within ${limitMs / 1000} s. ${tryAgain}`),
  );
}

/** The value of `work`, or what `refusal` says where that takes too long. The work itself goes on. */
export async function within<T>(work: Promise<T>, limitMs: number, refusal: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(refusal()), limitMs);
  });
  // The loser of the race may fail unheard.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** The client of a request, for what is done for it alone: whoever has left, or has been told that it is too late, wants no more. */
export function askerOf({ raw }: FastifyReply): { readonly hasLeft: boolean } {
  return {
    get hasLeft() {
      return raw.writableEnded || raw.req.socket.destroyed;
    },
  };
}
