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

/** The value of `work`, unless it takes too long: then throws what `refusal` returns. The work goes on. */
export async function within<T>(work: Promise<T>, limitMs: number, refusal: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(refusal()), limitMs);
  });
  // When the time is up, nobody handles a later failure of `work`.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The client of a request, for work that is done for this client alone. The work may be dropped when
 * `hasLeft`: the client has closed its connection, or already has an answer, such as the 503 after 5 s.
 */
export function askerOf({ raw }: FastifyReply): { readonly hasLeft: boolean } {
  return {
    get hasLeft() {
      return raw.writableEnded || raw.req.socket.destroyed;
    },
  };
}
