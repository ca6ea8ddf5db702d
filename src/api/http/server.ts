/** The HTTP server below Fastify: its limits, and where it listens. */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createNetServer, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Pipelining } from './pipelining.ts';

// An `import` of node:http also loads Node's fetch and WebSocket, which takes as long as half of Fastify.
const { createServer } = process.getBuiltinModule('node:http');

/** Answers some requests before Fastify sees them, and says whether it has answered this one. */
export type FirstHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** @param handle Fastify's, for what `answers` has not answered */
export function createHttpServer(handle: RequestListener, answers: FirstHandler = () => false): Server {
  const server = createServer({ maxHeaderSize: 16 * 1024, headersTimeout: 30_000 });
  const pipelining = new Pipelining((request, response) => {
    if (!answers(request, response)) handle(request, response);
  });
  pipelining.follow(server);
  // Closes a connection on which no byte moves for this long: also an upload, or an answer that is not read.
  server.setTimeout(120_000);
  // Long enough for an upload of a gigabyte over a slow line.
  server.requestTimeout = 3600_000;
  server.keepAliveTimeout = 72_000;
  return server;
}

/** `localhost` may have two addresses. Fastify listens on the first; this makes the server listen on both. */
export function listenOnAllOf(app: FastifyInstance, host: string): void {
  if (host !== 'localhost') return;
  app.addHook('onListen', async () => {
    for (const { address } of await lookup(host, { all: true })) await listenAlso(app.server, address);
  });
}

/** If the address is not available, as IPv6 on many machines, the server keeps to its first address. */
async function listenAlso(server: Server, host: string): Promise<void> {
  const first = server.address();
  if (typeof first !== 'object' || first === null || first.address === host) return;
  const other = createNetServer((socket: Socket) => server.emit('connection', socket));
  server.once('close', () => other.close());
  other.listen({ host, port: first.port });
  await once(other, 'listening').catch(() => undefined);
}
