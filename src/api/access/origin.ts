/** Who may talk to the service: only this machine if no API keys are set, and never a page of another site. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { HttpProblem } from '../http/problems.ts';

/** Any of these shows that a proxy has forwarded the request, so that the client may be anywhere. */
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
 * Where no keys are set, everybody on this machine may do everything. So refuses pages of other sites that
 * got here by a name that resolves to this machine (DNS rebinding), and everybody who comes through a proxy.
 * @throws {HttpProblem} 403
 */
export function refuseNonLocal(request: IncomingMessage): void {
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

/** The last accepted Host header. Nearly every request has the same one, so it is not parsed again. */
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
 * Browsers name the site that a request comes from. Other clients do not, and have no cookies to abuse.
 * @throws {HttpProblem} 403 for an unsafe method that another site's page has sent
 */
export function refuseCrossSite(request: IncomingMessage): void {
  if (safeMethods.has(request.method ?? '') || isSameOrigin(request.headers)) return;
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

/** The Host header as `URL` writes it: without the port where it is the default of the scheme. */
function normalHost(origin: string, host: string | undefined): string | undefined {
  const url = `${new URL(origin).protocol}//${host}`;
  return host !== undefined && URL.canParse(url) ? new URL(url).host : undefined;
}
