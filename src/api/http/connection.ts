/**
 * A connection from below: Node parses all that it has read of one, up to 64 kB, which may be thousands of requests.
 * Where that is too much, its bytes go through here, and the parser gets a little at a time, and nothing while too
 * many requests wait for their turn. That costs as much as a tenth of a short answer: it is for times of trouble.
 */
import type { Socket } from 'node:net';

/** Fifty requests or so, parsed in less than a millisecond. */
const pieceBytes = 4 * 1024;
const nothing = Buffer.alloc(0);

export class Connection {
  readonly socket: Socket;
  /** How many of its requests wait for the answers to others. */
  waiting = 0;
  /** Node's way to the parser, once bytes go through here. */
  private parse: ((bytes: Buffer) => void) | undefined;
  /** What has been read and not been parsed yet. */
  private rest: Buffer = nothing;
  private isShut = false;

  /** Call when Node's HTTP server has taken the connection up. */
  constructor(socket: Socket) {
    this.socket = socket;
  }

  get isReadNoFurther(): boolean {
    return this.isShut;
  }

  /** From now on its bytes go through here. */
  parseInPieces(): void {
    if (this.parse) return;
    const { socket } = this;
    const [parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    // It is closing.
    if (!parse) return;
    this.parse = parse;
    // As somebody else listens, Node hands the bytes out, of which its parser has had them directly.
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.off('data', parse);
    // Node reads on whenever it has parsed a request.
    socket.on('resume', () => this.go());
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
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    this.go();
  }

  private go(): void {
    const { socket } = this;
    // Node pauses it as well, while its client takes no answers.
    while (this.rest.length > 0 && !this.isShut && !socket.isPaused() && !socket.writableEnded) {
      const piece = this.rest.subarray(0, pieceBytes);
      this.rest = this.rest.subarray(pieceBytes);
      this.parse?.(piece);
    }
    // What comes after something that was no HTTP, or after the last answer, is of no interest.
    if (socket.destroyed || socket.writableEnded) this.rest = nothing;
    if (this.isShut || this.rest.length > 0) socket.pause();
  }
}
