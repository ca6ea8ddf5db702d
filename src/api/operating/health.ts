/** For monitoring: whether the process lives, and whether it can serve. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Readiness } from '../../database/readiness.ts';
import type { ApiContext } from '../context.ts';
import { unavailable } from '../http/problems.ts';

export function healthRoutes(
  app: FastifyInstance,
  { store, drain }: Pick<ApiContext, 'store' | 'drain'>,
): void {
  const config = { isPublic: true, isPolled: true };
  const readiness = new Readiness(store.db);

  app.get('/healthz', { config }, (_request, reply) => sendStatus(reply, 'alive'));

  app.get('/readyz', { config }, async (_request, reply) => {
    if (drain.isUnderWay) throw unavailable('The service is shutting down.');
    const obstacle = await readiness.ask();
    if (obstacle !== undefined) throw unavailable(obstacle);
    return sendStatus(reply, 'ready');
  });
}

function sendStatus(reply: FastifyReply, status: 'alive' | 'ready'): FastifyReply {
  return reply.header('cache-control', 'no-store').send({ status });
}
