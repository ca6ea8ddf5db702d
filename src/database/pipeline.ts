/** A transaction in one round trip, for statements that need no answer of one another. */
import type pg from 'pg';
import type { Connection } from './database.ts';

/**
 * Sends BEGIN, the statements in their order and COMMIT without waiting in between. Where one fails,
 * PostgreSQL refuses those behind it and the COMMIT rolls back.
 * @param pool with `pipeline: true`
 * @param statements each runs one statement on the connection that it is given
 * @throws what the first statement that failed threw, or the COMMIT
 */
export async function inPipeline<Results extends unknown[]>(
  pool: pg.Pool,
  statements: { [Index in keyof Results]: (connection: Connection) => Promise<Results[Index]> },
): Promise<Results> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    const answers: Promise<unknown>[] = [];
    const send = (answer: Promise<unknown>) => {
      // Read below, all together; until then a failure is no unhandled rejection.
      answer.catch(() => undefined);
      answers.push(answer);
    };
    send(client.query('BEGIN'));
    for (const statement of statements) {
      const issued = Promise.withResolvers<void>();
      const connection: Connection = {
        query: (config, values) => {
          const answer = client.query(config as string, values);
          issued.resolve();
          return answer as never;
        },
      };
      const answer = statement(connection);
      send(answer);
      // Its statement may be sent some turns later; the next must be sent behind it. One that fails before it
      // is sent ends the matter here: the connection is closed without a COMMIT.
      await Promise.race([issued.promise, answer]);
    }
    send(client.query('COMMIT'));
    const settled = await Promise.allSettled(answers);
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    // In the order of the statements, between BEGIN and COMMIT.
    return settled.slice(1, -1).map((result) => (result as PromiseFulfilledResult<unknown>).value) as Results;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(failure);
  }
}
