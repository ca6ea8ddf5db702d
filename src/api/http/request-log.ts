/** Logs one line per request, but none for polls. The query is never logged, as it may hold keys. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

/** Call before the routes are registered. */
export function logRequests(app: FastifyInstance, log: Logger): void {
  // Added per route, so that polls do not pay for it.
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

/** Logs one request, which may have no route; call when the answer has been sent. */
export function logRequest(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?')[0];
  const ms = Math.round(reply.elapsedTime);
  log.info({ method: request.method, path, status: reply.raw.statusCode, ms }, 'request');
}
