/** GET /metrics, for Prometheus. */
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Access } from '../access/access.ts';

/** Makes the registry of metrics when it is first called, because its packages take a while to load. */
export type Metrics = () => Promise<Registry>;

export function metricsRoutes(app: FastifyInstance, metrics: Metrics, access: Access): void {
  // Guarded by the operator's token instead of the API keys.
  const config = { isPublic: true, isPolled: true };

  app.get('/metrics', { config }, async (request, reply) => {
    access.checkAdmin(request);
    const registry = await metrics();
    const body = await registry.metrics();
    return reply.header('cache-control', 'no-store').type(registry.contentType).send(body);
  });
}
