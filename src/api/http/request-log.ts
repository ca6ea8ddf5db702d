/** One line a request; none for polls, and never a query, in which keys may stand. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

/** Call before the routes are registered. */
export function logRequests(app: FastifyInstance, log: Logger): void {
  // By route, so that polls pay for nothing.
  app.addHook('onRoute', (route) => {
    if (route.config?.isPolled === true || route.url.startsWith('/assets/')) return;
    route.onResponse = [
      ...[route.onResponse ?? []].flat(),
      (request, reply, done) => {
        logRequest(log, request, reply);
        done();
      },
    ];
  });
}

/** For what has no route; call when the answer has been sent. */
export function logRequest(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?')[0];
  const ms = Math.round(reply.elapsedTime);
  log.info({ method: request.method, path, status: reply.raw.statusCode, ms }, 'request');
}
