/**
 * One client's stream of server-sent events (the WHATWG's "Server-sent events"). A client that reads too
 * slowly gets the newest state of each thing when it reads again, and one that does not read is dropped:
 * what waits for it is bounded.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Watchers } from './watchers.ts';

/** Proxies and load balancers close what is silent for long. */
const beatMs = 15_000;
/** Clients come back after two to three seconds, not all at once. */
const retryMs = () => 2_000 + Math.floor(Math.random() * 1_000);
const beat = Buffer.from(':\n\n');

export interface EventStreamOptions {
  /** Called once, when the stream ends for whatever reason. */
  readonly onEnd: () => void;
}

export class EventStream {
  private readonly response: ServerResponse;
  /** What could not be written yet: the newest event of each kind of news. */
  private readonly pending = new Map<string, Buffer>();
  private readonly watchers: Watchers;
  private readonly leave: () => void;
  private readonly onEnd: () => void;
  private beatDeadline: { cancel(): void };
  private wasBlocked = false;
  private isClosing = false;

  /** @throws {HttpProblem} 503 when too many clients wait; nothing is sent then */
  constructor(watchers: Watchers, reply: FastifyReply, options: EventStreamOptions) {
    this.watchers = watchers;
    this.response = reply.raw;
    this.onEnd = options.onEnd;
    this.leave = watchers.enter(() => queueMicrotask(() => this.close()));
    reply.hijack();
    this.response.writeHead(200, [
      ...['content-type', 'text/event-stream'],
      // Not stored, and not compressed by what stands between, which would hold events back.
      ...['cache-control', 'no-store, no-transform'],
      // nginx holds answers back until they are long enough, unless it is told not to.
      ...['x-accel-buffering', 'no'],
      ...['x-content-type-options', 'nosniff'],
    ]);
    this.response.on('close', () => this.ended());
    this.response.on('drain', () => this.flush());
    // Comes with the close.
    this.response.on('error', () => undefined);
    this.beatDeadline = watchers.after(beatMs, () => this.beat());
    this.response.write(`retry: ${retryMs()}\n\n`);
  }

  /**
   * Sends an event, or keeps it until the client reads again.
   * @param about what the event tells of: a newer one about the same takes its place while it waits
   */
  send(about: string, event: Buffer): void {
    if (this.isClosing) return;
    if (this.isBlocked) {
      this.pending.delete(about);
      this.pending.set(about, event);
    } else {
      this.response.write(event);
    }
  }

  /** Ends the stream when all that waits has been written. */
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    if (this.pending.size === 0) this.response.end();
  }

  private get isBlocked(): boolean {
    return this.pending.size > 0 || this.response.writableNeedDrain;
  }

  private flush(): void {
    for (const [about, event] of this.pending) {
      this.pending.delete(about);
      if (!this.response.write(event)) return;
    }
    if (this.isClosing) this.response.end();
  }

  private beat(): void {
    this.beatDeadline = this.watchers.after(beatMs, () => this.beat());
    if (this.isBlocked && this.wasBlocked) {
      this.response.destroy();
      return;
    }
    this.wasBlocked = this.isBlocked;
    if (!this.isBlocked && !this.isClosing) this.response.write(beat);
  }

  private ended(): void {
    this.isClosing = true;
    this.pending.clear();
    this.beatDeadline.cancel();
    this.leave();
    this.onEnd();
  }
}

/** An event of JSON, which has no line breaks. */
export function eventOf(name: string, data: string | Buffer, id?: number | string): Buffer {
  const head = `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: `;
  return Buffer.concat([Buffer.from(head), Buffer.from(data), Buffer.from('\n\n')]);
}
