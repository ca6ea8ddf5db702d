/**
 * One client's stream of server-sent events (the WHATWG's "Server-sent events"). A client that reads too
 * slowly gets the newest state of each thing when it reads again. A client that does not read at all is
 * dropped. So the events that wait for a client are bounded.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { write } from '../polls/pollable.ts';
import type { Watchers } from '../watchers.ts';

/** Tells clients to reconnect after two to three seconds, each at another time. */
const retryMs = () => 2_000 + Math.floor(Math.random() * 1_000);
const beat = Buffer.from(':\n\n');
const nothing = Buffer.alloc(0);
/** A large event is written in pieces: each piece that a slow client takes shows that it still reads. */
const pieceBytes = 64 * 1024;

const streamHeaders = [
  ...['content-type', 'text/event-stream'],
  // Proxies must not store the stream, and must not compress it, because this would hold events back.
  ...['cache-control', 'no-store, no-transform'],
  // Tells nginx not to hold back short parts of the answer.
  ...['x-accel-buffering', 'no'],
  ...['x-content-type-options', 'nosniff'],
];

export class EventStream {
  private readonly response: ServerResponse;
  /** The rest of what is being written: one large event, or several small ones. */
  private rest: Buffer = nothing;
  /** The newest event about each thing that has not been written yet. */
  private readonly pending = new Map<string, Buffer>();
  private readonly watchers: Watchers;
  private readonly leave: () => void;
  private unwatch: () => void = () => undefined;
  private beatDeadline: { cancel(): void };
  /** Whether something waited for the client at the last beat, and the client has read nothing since. */
  private wasStuck = false;
  private isClosing = false;
  private isOver = false;

  /** @throws {HttpProblem} 503 when too many clients wait; in this case nothing has been sent */
  constructor(watchers: Watchers, reply: FastifyReply) {
    this.watchers = watchers;
    this.response = reply.raw;
    // Closes in a microtask, so that the caller has begun to watch by then.
    this.leave = watchers.enter(reply.raw.req, () => queueMicrotask(() => this.close()));
    // The client left before the listener below is added, so that its `close` will not come.
    if (this.response.req.socket.destroyed) queueMicrotask(() => this.ended());
    reply.hijack();
    this.response.writeHead(200, [...streamHeaders]);
    this.response.on('close', () => this.ended());
    // Gives others a turn between two pieces. If the kernel takes each piece at once, they would get none.
    this.response.on('drain', () => setImmediate(() => this.flush()));
    // An error is followed by `close`, which ends the stream.
    this.response.on('error', () => undefined);
    this.beatDeadline = watchers.after(watchers.beatMs, () => this.beat());
    this.response.write(`retry: ${retryMs()}\n\n`);
  }

  /**
   * Begins to watch the tasks that the stream tells of.
   * @param watch called at once; returns a function that stops watching, which is called once, when the
   *   stream ends for whatever reason. If `watch` throws, the stream is cut, so that the client reconnects
   */
  follow(watch: () => () => void): void {
    try {
      this.unwatch = watch();
      if (this.isOver) this.unwatch();
    } catch (error) {
      this.response.req.socket.destroy();
      throw error;
    }
  }

  /**
   * Sends an event, or keeps it until the client reads again.
   * @param about what the event is about: a newer event about the same thing replaces one that waits
   */
  send(about: string, event: Buffer): void {
    if (this.isClosing) return;
    // Written in a microtask, together with other events that the same code sends.
    if (!this.isBlocked) queueMicrotask(() => this.flush());
    this.pending.delete(about);
    this.pending.set(about, event);
  }

  /** Ends the stream when all waiting events have been written. */
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    if (!this.isWaiting) this.response.end();
  }

  /** Whether events wait that have not been written yet. */
  private get isWaiting(): boolean {
    return this.rest.length > 0 || this.pending.size > 0;
  }

  private get isBlocked(): boolean {
    return this.isWaiting || this.response.writableNeedDrain;
  }

  /** Writes as much as the client takes. Returns whether it would take more. */
  private write(event: Buffer): boolean {
    this.rest = event;
    let takesMore = true;
    while (takesMore && this.rest.length > 0) {
      takesMore = this.response.write(this.rest.subarray(0, pieceBytes));
      this.rest = this.rest.subarray(pieceBytes);
    }
    return takesMore;
  }

  private flush(): void {
    if (this.isOver) return;
    this.wasStuck = false;
    let takesMore = this.write(this.rest);
    while (takesMore && this.pending.size > 0) takesMore = this.write(this.takeEvents());
    if (takesMore && this.isClosing) this.response.end();
  }

  /** Takes the oldest events, up to one piece: a thousand small writes would take ten times as long. */
  private takeEvents(): Buffer {
    const events: Buffer[] = [];
    let bytes = 0;
    for (const [about, event] of this.pending) {
      bytes += event.length;
      if (events.length > 0 && bytes > pieceBytes) break;
      events.push(event);
      this.pending.delete(about);
    }
    // A single event is not copied, because all streams share it and it may be large.
    return events.length === 1 && events[0] ? events[0] : Buffer.concat(events);
  }

  private beat(): void {
    this.beatDeadline = this.watchers.after(this.watchers.beatMs, () => this.beat());
    // A closing stream waits, too: for the client to read its end.
    const isStuck = this.isBlocked || this.isClosing;
    if (isStuck && this.wasStuck) {
      // The request always has the socket. A response that waits behind another one has none yet.
      this.response.req.socket.destroy();
      return;
    }
    this.wasStuck = isStuck;
    if (!isStuck) this.response.write(beat);
  }

  private ended(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.isClosing = true;
    this.rest = nothing;
    this.pending.clear();
    this.beatDeadline.cancel();
    this.leave();
    this.unwatch();
  }
}

/** Answers a HEAD request for a stream. */
export function sendStreamHead(reply: FastifyReply): void {
  write(reply, 200, [...streamHeaders]);
}

/** An event. @param data JSON without line breaks */
export function eventOf(name: string, data: string | Buffer, id?: number | string): Buffer {
  const head = `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: `;
  return Buffer.concat([Buffer.from(head), Buffer.from(data), Buffer.from('\n\n')]);
}
