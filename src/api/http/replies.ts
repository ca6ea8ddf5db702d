/** How pages and problems are sent. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { renderProblemPage } from '../pages/index.ts';
import { discardBody } from './body.ts';
import { prefersHtml } from './negotiation.ts';
import { HttpProblem } from './problems.ts';

/**
 * A page loads scripts, styles and images of this service only, has nothing inline, and cannot be framed. No
 * other site is told its URL as the referrer, as the URL of a task is a capability.
 */
export const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/** A page is for one person at one moment: no shared cache keeps it, and browsers ask before they reuse it. */
export function sendPage(reply: FastifyReply, html: string | Buffer): FastifyReply {
  return reply
    .headers(pageHeaders)
    .header('cache-control', 'private, no-cache')
    .type('text/html; charset=utf-8')
    .send(html);
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: HttpProblem,
): FastifyReply {
  // A client that is still sending its body would miss the answer on a closed connection: keep the
  // connection, and discard the rest of the body.
  reply.removeHeader('connection');
  discardBody(request.raw);
  reply.code(problem.body.status).headers(problem.headers).header('vary', 'Accept');
  if (prefersHtml(request.headers.accept)) {
    const page = renderProblemPage(problem.body, {
      retryAfterSeconds: whenToTryAgain(request, problem),
      fieldLabels: problem.fieldLabels,
    });
    return sendPage(reply, page).header('cache-control', 'no-store');
  }
  return reply
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem.body));
}

/** In seconds; only for a GET, as repeating it does nothing twice. */
function whenToTryAgain({ method }: FastifyRequest, { body, headers }: HttpProblem): number | undefined {
  const seconds = headers['retry-after'];
  return method === 'GET' && body.status === 503 && seconds !== undefined ? Number(seconds) : undefined;
}

/** How long a connection stays open for a client that has yet to read why it was refused. */
const lingerMs = 1000;

/** Answers bytes that are no HTTP: Node's parser has refused them, so that there is no request. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  // `_httpMessage` is the answer in flight; Node's own handler uses it too. Nothing may be written into it.
  const inFlight = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage;
  if (error.code === 'ECONNRESET' || !socket.writable || inFlight?.headersSent) {
    socket.destroy();
    return;
  }
  const { body } = brokenRequestProblem(error.code);
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${body.status} ${body.title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
  socket.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/** Answers any `Expect` but 100-continue. Node by itself would refuse the request with an empty body. */
export function answerExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const { body } = new HttpProblem(
    'expectation-failed',
    'Leave the Expect header out, or expect 100-continue.',
  );
  response.writeHead(body.status, { 'content-type': 'application/problem+json', connection: 'close' });
  response.end(JSON.stringify(body));
}

function brokenRequestProblem(code: string | undefined): HttpProblem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpProblem('headers-too-large', 'The URL and headers together must stay under 16 kB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem('request-timeout', 'Send the whole request sooner.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpProblem('too-large', 'The chunk extensions of the body are too large.');
    default:
      return new HttpProblem('invalid-request', 'This is not well-formed HTTP/1.1.');
  }
}
