/** One line a request; none for polls, and never a query, in which keys may stand. */
import type { FastifyInstance } from 'fastify';

export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { config, url } = request.routeOptions;
    const isQuiet = config.isPolled === true || url?.startsWith('/assets/') === true;
    if (!isQuiet) {
      const path = request.url.split('?')[0];
      request.log.info(
        { method: request.method, path, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
        'request',
      );
    }
    done();
  });
}
