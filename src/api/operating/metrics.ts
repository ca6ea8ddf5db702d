/** GET /metrics, for Prometheus. */
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Access } from '../access/access.ts';

export function metricsRoutes(app: FastifyInstance, metrics: Registry, access: Access): void {
  // Guarded by the operator's token instead of the API keys.
  const config = { isPublic: true, isPolled: true };

  app.get('/metrics', { config }, async (request, reply) => {
    access.checkAdmin(request);
    const body = await metrics.metrics();
    return reply.header('cache-control', 'no-store').type(metrics.contentType).send(body);
  });
}
