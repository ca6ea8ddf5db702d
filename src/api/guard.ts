/** What every request passes before its route. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access } from './access.ts';
import { refuseCrossSite, refuseNonLocal } from './origin.ts';
import { HttpProblem } from './problems.ts';

const maxUrlLength = 8 * 1024;

export function guard(app: FastifyInstance, access: Access): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff');
    if (access.isOpen) refuseNonLocal(request);
    refuseCrossSite(request);
    refuseUnreadable(request);
    if (!isPublic(request)) access.check(request);
    done();
  });
}

/** Assets and what does not exist are no secrets; a route is one unless it says otherwise. */
function isPublic(request: FastifyRequest): boolean {
  const { config, url } = request.routeOptions;
  return config.isPublic === true || request.is404 || url?.startsWith('/assets/') === true;
}

function refuseUnreadable(request: FastifyRequest): void {
  if (request.url.length > maxUrlLength) {
    throw new HttpProblem('url-too-long', `A URL may have at most ${maxUrlLength} characters.`);
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpProblem('unsupported-media-type', 'Send the body uncompressed, without Content-Encoding.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
}
