/**
 * One client's stream of server-sent events (the WHATWG's "Server-sent events"). A client that reads too
 * slowly gets the newest state of each thing when it reads again, and one that does not read is dropped:
 * what waits for it is bounded.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { write } from '../polls/pollable.ts';
import type { Watchers } from '../watchers.ts';

/** Clients come back after two to three seconds, not all at once. */
const retryMs = () => 2_000 + Math.floor(Math.random() * 1_000);
const beat = Buffer.from(':\n\n');
const nothing = Buffer.alloc(0);
/** A large event is written in pieces: a slow reader shows by each of them that it reads. */
const pieceBytes = 64 * 1024;

const streamHeaders = [
  ...['content-type', 'text/event-stream'],
  // Not stored, and not compressed by what stands between, which would hold events back.
  ...['cache-control', 'no-store, no-transform'],
  // nginx holds answers back until they are long enough, unless it is told not to.
  ...['x-accel-buffering', 'no'],
  ...['x-content-type-options', 'nosniff'],
];

export class EventStream {
  private readonly response: ServerResponse;
  /** What is left of the event that is being written. */
  private rest: Buffer = nothing;
  /** What is not written yet: the newest event of each kind of news. */
  private readonly pending = new Map<string, Buffer>();
  private readonly watchers: Watchers;
  private readonly leave: () => void;
  private unwatch: () => void = () => undefined;
  private beatDeadline: { cancel(): void };
  /** At the last beat something waited for the client, which has read nothing since. */
  private wasStuck = false;
  private isClosing = false;
  private isOver = false;

  /** @throws {HttpProblem} 503 when too many clients wait; nothing is sent then */
  constructor(watchers: Watchers, reply: FastifyReply) {
    this.watchers = watchers;
    this.response = reply.raw;
    // Not before the caller has begun to watch.
    this.leave = watchers.enter(reply.raw.req, () => queueMicrotask(() => this.close()));
    // It had left before: its close has passed.
    if (this.response.req.socket.destroyed) queueMicrotask(() => this.ended());
    reply.hijack();
    this.response.writeHead(200, [...streamHeaders]);
    this.response.on('close', () => this.ended());
    // Others are served between two pieces: where the kernel takes all at once, no other turn would come.
    this.response.on('drain', () => setImmediate(() => this.flush()));
    // Comes with the close.
    this.response.on('error', () => undefined);
    this.beatDeadline = watchers.after(watchers.beatMs, () => this.beat());
    this.response.write(`retry: ${retryMs()}\n\n`);
  }

  /**
   * Begins to follow what the stream tells of.
   * @param watch called at once; returns how to stop, which is called once, when the stream ends for whatever
   * reason. Where it throws, the stream is cut: its client comes back, and finds what there is then
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
   * @param about what the event tells of: a newer one about the same takes its place while it waits
   */
  send(about: string, event: Buffer): void {
    if (this.isClosing) return;
    // At the end of the turn, with what else it sends.
    if (!this.isBlocked) queueMicrotask(() => this.flush());
    this.pending.delete(about);
    this.pending.set(about, event);
  }

  /** Ends the stream when all that waits has been written. */
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    if (!this.isWaiting) this.response.end();
  }

  /** Whether there is something that could not be written yet. */
  private get isWaiting(): boolean {
    return this.rest.length > 0 || this.pending.size > 0;
  }

  private get isBlocked(): boolean {
    return this.isWaiting || this.response.writableNeedDrain;
  }

  /** Writes as much as the client takes; answers whether it would take more. */
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

  /** The oldest events that make up a piece: a thousand small ones take ten times as long when written one by one. */
  private takeEvents(): Buffer {
    const events: Buffer[] = [];
    let bytes = 0;
    for (const [about, event] of this.pending) {
      bytes += event.length;
      if (events.length > 0 && bytes > pieceBytes) break;
      events.push(event);
      this.pending.delete(about);
    }
    // One is not copied, however large: all streams share it.
    return events.length === 1 && events[0] ? events[0] : Buffer.concat(events);
  }

  private beat(): void {
    this.beatDeadline = this.watchers.after(this.watchers.beatMs, () => this.beat());
    // What is closing waits for the client to read its end.
    const isStuck = this.isBlocked || this.isClosing;
    if (isStuck && this.wasStuck) {
      // Also where the response has no socket yet, as it waits behind another.
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

/** What HEAD is told of a stream. */
export function sendStreamHead(reply: FastifyReply): void {
  write(reply, 200, [...streamHeaders]);
}

/** An event of JSON, which has no line breaks. */
export function eventOf(name: string, data: string | Buffer, id?: number | string): Buffer {
  const head = `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: `;
  return Buffer.concat([Buffer.from(head), Buffer.from(data), Buffer.from('\n\n')]);
}
