/** Who may talk to the service at all: this machine only while it is open, and no other site's pages ever. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { HttpProblem } from '../http/problems.ts';

/** Present where something stands between the client and us, so that its address is no proof of anything. */
const forwardingHeaders = [
  'forwarded',
  'via',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
];

const howToShare = 'To serve others, set HEADWAY_API_KEYS and start again.';

/**
 * Without keys everybody on this machine may do everything. A page elsewhere must not get in by a name
 * that resolves to this machine (DNS rebinding), nor the world by a proxy that runs on it.
 * @throws {HttpProblem} 403
 */
export function refuseNonLocal(request: FastifyRequest): void {
  const { headers } = request;
  if (!isLoopbackHost(headers.host)) {
    throw new HttpProblem(
      'not-local',
      `No API keys are set, so only requests to localhost are answered. ${howToShare}`,
    );
  }
  if (forwardingHeaders.some((name) => headers[name] !== undefined)) {
    throw new HttpProblem(
      'not-local',
      `No API keys are set, so requests that a proxy has forwarded are not answered. ${howToShare}`,
    );
  }
}

/** The last name that was accepted: nearly every request has the same. */
let knownHost: string | undefined;

/** Whether a Host header names this machine by a name that no other site can have. */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  if (host === knownHost) return true;
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
  const isLoopback =
    name === '[::1]' ||
    /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(name) ||
    /^([a-z0-9-]+\.)*localhost\.?$/.test(name);
  if (isLoopback) knownHost = host;
  return isLoopback;
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Browsers say where a request comes from; other clients say nothing and have no cookies to abuse.
 * @throws {HttpProblem} 403 for an unsafe method that another site's page has sent
 */
export function refuseCrossSite(request: FastifyRequest): void {
  if (safeMethods.has(request.method) || isSameOrigin(request.headers)) return;
  throw new HttpProblem(
    'cross-site',
    'A page of another site has sent this request. Open the service in a tab of its own and try again there.',
  );
}

function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const { origin, host } = headers;
  if (origin === undefined) return true;
  // The scheme is not compared: behind a TLS proxy only the browser knows it.
  return URL.canParse(origin) && new URL(origin).host === normalHost(origin, host);
}

/** Without the port where it is the scheme's own, as URL has it. */
function normalHost(origin: string, host: string | undefined): string | undefined {
  const url = `${new URL(origin).protocol}//${host}`;
  return host !== undefined && URL.canParse(url) ? new URL(url).host : undefined;
}
