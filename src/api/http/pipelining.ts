/**
 * Requests that a client sends without waiting for the answers to those before (pipelining, RFC 9112, 9.3.2). One
 * of a connection is worked on at a time, the next when its client has taken the answer; connections take turns,
 * and others are served in between; and what waits is bounded: past a few requests a connection is read no further.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Slice } from '../../scheduling/slice.ts';
import { Connection } from './connection.ts';

/** So many requests of one connection may wait before it is read no further; of what it has sent by then, 4 kB may wait too. */
const maxWaitingOfOne = 32;
/** So many of all connections, which take about 20 MB; past this, connections that are read no further are cut. */
const maxWaiting = 10_000;
/** Whoever sends too much at once is seldom alone: for so long, all are looked at closely. */
const carefulMs = 60_000;
/** Those whose turn has come may keep others waiting for so long. */
const sliceMs = 5;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class Pipelining {
  private readonly handle: RequestListener;
  private readonly connections = new Map<Socket, Connection>();
  /** Until then no connection may send thousands of requests at once. */
  private troubledUntilMs = Number.NEGATIVE_INFINITY;
  /** Those of which all requests had their turn, to be read again. */
  private readonly empty: Connection[] = [];
  /** Those whose turn has come. */
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
    // Nearly all of them: nothing that was asked before on its connection is unanswered.
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
    // Node assigns the connection when the answer before has been taken.
    response.once('socket', () => {
      this.leave(connection, 1);
      this.ready.push({ request, response });
      this.schedule();
    });
  }

  /** The first connection that sends too much at once has sent it; others, that may have as well, are not parsed yet. */
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
    // One at a time: what it has sent meanwhile is parsed at once.
    this.empty.shift()?.readOn();
    const slice = new Slice(sliceMs);
    let done = 0;
    for (const { request, response } of this.ready) {
      if (slice.isOver) break;
      done += 1;
      // Otherwise nobody waits for the answer any more.
      if (!request.socket.destroyed) this.handle(request, response);
    }
    this.ready = this.ready.slice(done);
    if (this.ready.length > 0 || this.empty.length > 0) this.schedule();
  }
}
