/**
 * A connection from below: Node parses all that it has read of one, up to 64 kB, which may be thousands of requests.
 * Here its parser gets a little at a time, and no more while too many requests wait for their turn.
 */
import type { Socket } from 'node:net';

/** Fifty requests or so, parsed in less than a millisecond. */
const pieceBytes = 4 * 1024;
const nothing = Buffer.alloc(0);

export class Connection {
  readonly socket: Socket;
  /** How many of its requests wait for the answers to others. */
  waiting = 0;
  private readonly parse: (bytes: Buffer) => void;
  /** What has been read and not been parsed yet. */
  private rest: Buffer = nothing;
  private isShut = false;

  /** Call when Node's HTTP server has taken the connection up. */
  constructor(socket: Socket) {
    this.socket = socket;
    const [parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    if (!parse) throw new Error('Node does not read connections as it did');
    this.parse = parse;
    socket.off('data', parse);
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    // Node reads on whenever it has parsed a request.
    socket.on('resume', () => this.go());
  }

  get isReadNoFurther(): boolean {
    return this.isShut;
  }

  /** Until `readOn` it takes no more of what its client sends; TCP tells the client. */
  readNoFurther(): void {
    this.isShut = true;
    this.socket.pause();
  }

  readOn(): void {
    this.isShut = false;
    this.socket.resume();
  }

  private take(bytes: Buffer): void {
    // What comes after something that was no HTTP, or after the last answer, is of no interest.
    if (this.socket.writableEnded) return;
    if (this.rest.length === 0 && bytes.length <= pieceBytes && !this.isShut) {
      this.parse(bytes);
      return;
    }
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    this.go();
  }

  private go(): void {
    const { socket } = this;
    // Node pauses it as well, while its client takes no answers.
    while (this.rest.length > 0 && !this.isShut && !socket.isPaused() && !socket.writableEnded) {
      const piece = this.rest.subarray(0, pieceBytes);
      this.rest = this.rest.subarray(pieceBytes);
      this.parse(piece);
    }
    if (socket.destroyed || socket.writableEnded) this.rest = nothing;
    if (this.isShut || this.rest.length > 0) socket.pause();
  }
}
