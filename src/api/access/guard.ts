/** The checks that every request passes before its route. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, onRequestHookHandler, RouteOptions } from 'fastify';
import { HttpProblem } from '../http/problems.ts';
import type { Access } from './access.ts';
import { refuseCrossSite, refuseNonLocal } from './origin.ts';

const maxUrlLength = 8 * 1024;

/** Call before the routes are registered. */
export function guard(app: FastifyInstance, access: Access): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff');
    checkRequest(access, request.raw);
    done();
  });
  // Decided when a route is registered, not at each request. A URL without a route is no secret: its 404
  // needs no key.
  app.addHook('onRoute', (route) => {
    if (!isPublic(route)) route.onRequest = [...[route.onRequest ?? []].flat(), checkAccess(access)];
  });
}

/**
 * The checks that need no key.
 * @throws {HttpProblem}
 */
export function checkRequest(access: Access, request: IncomingMessage): void {
  if (access.isOpen) refuseNonLocal(request);
  refuseCrossSite(request);
  refuseUnreadable(request);
}

function checkAccess(access: Access): onRequestHookHandler {
  return (request, _reply, done) => {
    access.check(request);
    done();
  };
}

/** A route needs a key unless its config says that it is public. */
function isPublic({ config }: RouteOptions): boolean {
  return config?.isPublic === true;
}

function refuseUnreadable(request: IncomingMessage): void {
  if ((request.url ?? '').length > maxUrlLength) {
    throw new HttpProblem('url-too-long', `A URL may have at most ${maxUrlLength} characters.`);
  }
  if (hasTwoHosts(request.rawHeaders)) {
    throw new HttpProblem('invalid-request', 'The request names more than one Host.');
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpProblem('unsupported-media-type', 'Send the body uncompressed, without Content-Encoding.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
}

/** Such a request is refused, as a proxy in front may have used the other Host (RFC 9112, section 3.2). */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}
