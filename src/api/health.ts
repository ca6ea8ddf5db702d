/** For whoever watches the process: does it live, and can it serve? */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Database } from '../database/database.ts';
import { pendingMigrations } from '../database/migrate.ts';
import type { ApiContext } from './context.ts';
import { withinAnswerTime } from './deadline.ts';
import { unavailable } from './problems.ts';

const readyTimeMs = 2000;

export function healthRoutes(
  app: FastifyInstance,
  { store, drain }: Pick<ApiContext, 'store' | 'drain'>,
): void {
  const config = { isPublic: true, isPolled: true };

  app.get('/healthz', { config }, (_request, reply) => sendStatus(reply, 'alive'));

  app.get('/readyz', { config }, async (_request, reply) => {
    if (drain.isUnderWay) throw unavailable('The service is shutting down.');
    const pending = await withinAnswerTime(pendingIn(store.db), readyTimeMs);
    if (pending.length > 0) {
      throw unavailable(`The database waits for migrations (npm run migrate): ${pending.join(', ')}.`);
    }
    return sendStatus(reply, 'ready');
  });
}

async function pendingIn({ pool }: Database): Promise<string[]> {
  const client = await pool.connect();
  try {
    return await pendingMigrations(client);
  } finally {
    client.release();
  }
}

function sendStatus(reply: FastifyReply, status: 'alive' | 'ready'): FastifyReply {
  return reply.header('cache-control', 'no-store').send({ status });
}
