/**
 * Limits pipelining: requests that a client sends without waiting for earlier answers (RFC 9112, 9.3.2). The
 * service works on one request of a connection at a time, and on the next one when the client has taken the
 * answer. Connections take turns, and clients that do not pipeline are served in between. The number of
 * waiting requests is bounded: from a connection with too many of them, nothing more is read until they have
 * had their turn.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Slice } from '../../scheduling/slice.ts';
import { Connection } from './connection.ts';

/**
 * When more requests than this wait on one connection, nothing more is read from it. The piece of 4 kB that
 * is being parsed at this moment may add some more.
 */
const maxWaitingOfOne = 32;
/**
 * The most requests that wait on all connections together, about 20 MB. When there are more, a connection
 * that exceeds its own limit is cut.
 */
const maxWaiting = 10_000;
/** How long all connections are parsed in pieces after one sent too much: it is seldom the only one. */
const carefulMs = 60_000;
/** How long the requests whose turn has come may keep other work waiting. */
const sliceMs = 5;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class Pipelining {
  private readonly handle: RequestListener;
  private readonly connections = new Map<Socket, Connection>();
  /** Until this time, new connections are parsed in pieces: none can send thousands of requests at once. */
  private troubledUntilMs = Number.NEGATIVE_INFINITY;
  /** Connections that were stopped, and whose requests have all had their turn: they are to be read again. */
  private readonly empty: Connection[] = [];
  /** Requests whose turn has come. */
  private ready: Waiting[] = [];
  private waiting = 0;
  private isDue = false;

  /** @param handle answers a request */
  constructor(handle: RequestListener) {
    this.handle = handle;
  }

  follow(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const connection = new Connection(socket);
      this.connections.set(socket, connection);
      if (performance.now() < this.troubledUntilMs) connection.parseInPieces();
      socket.on('close', () => {
        this.connections.delete(socket);
        this.leave(connection, connection.waiting);
      });
    });
    server.on('request', (request, response) => this.take(request, response));
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    // Nearly always the response has its socket: all earlier requests on the connection are answered.
    if (response.socket !== null) this.handle(request, response);
    else this.wait(request, response);
  }

  private wait(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.connections.get(request.socket);
    if (!connection || connection.socket.destroyed) return;
    connection.waiting += 1;
    this.waiting += 1;
    if (connection.waiting > maxWaitingOfOne) {
      this.beCareful();
      connection.readNoFurther();
      if (this.waiting > maxWaiting) connection.socket.destroy();
    }
    // Node gives the response its socket when the client has taken the answer before it.
    response.once('socket', () => {
      this.leave(connection, 1);
      this.ready.push({ request, response });
      this.schedule();
    });
  }

  /**
   * From now on, parses all connections in pieces. This comes too late for the connection that sent too much:
   * its bytes are parsed already. Other connections may have sent as much, and are not parsed yet.
   */
  private beCareful(): void {
    const nowMs = performance.now();
    if (nowMs > this.troubledUntilMs) {
      for (const connection of this.connections.values()) connection.parseInPieces();
    }
    this.troubledUntilMs = nowMs + carefulMs;
  }

  private leave(connection: Connection, count: number): void {
    connection.waiting -= count;
    this.waiting -= count;
    if (!connection.isReadNoFurther || connection.waiting > 0) return;
    this.empty.push(connection);
    this.schedule();
  }

  private schedule(): void {
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => this.turn());
  }

  private turn(): void {
    this.isDue = false;
    // Reads from one connection a turn, because what its client has sent meanwhile is parsed at once.
    this.empty.shift()?.readOn();
    const slice = new Slice(sliceMs);
    let done = 0;
    for (const { request, response } of this.ready) {
      if (slice.isOver) break;
      done += 1;
      // If the socket is destroyed, nobody waits for the answer any more.
      if (!request.socket.destroyed) this.handle(request, response);
    }
    this.ready = this.ready.slice(done);
    if (this.ready.length > 0 || this.empty.length > 0) this.schedule();
  }
}
