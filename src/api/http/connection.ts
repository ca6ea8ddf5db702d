/**
 * Controls how many bytes of a connection reach Node's HTTP parser. By itself, Node parses all that it has
 * read from a connection at once: up to 64 kB, which may be thousands of requests. After `parseInPieces`, the
 * bytes go through this class: the parser gets 4 kB at a time, and nothing while too many requests wait for
 * their turn. This costs a tenth of the time of a short answer, so it is done only in times of trouble.
 */
import type { Socket } from 'node:net';

/** About fifty requests, which are parsed in less than a millisecond. */
const pieceBytes = 4 * 1024;
const nothing = Buffer.alloc(0);

export class Connection {
  readonly socket: Socket;
  /** How many requests of this connection wait until earlier ones are answered. */
  waiting = 0;
  /** Node's own `data` listener, which feeds the parser; set once bytes go through this class. */
  private parse: ((bytes: Buffer) => void) | undefined;
  /** Bytes that have been read but not parsed. */
  private rest: Buffer = nothing;
  private isShut = false;

  /** Call after Node's HTTP server has set up the connection. */
  constructor(socket: Socket) {
    this.socket = socket;
  }

  get isReadNoFurther(): boolean {
    return this.isShut;
  }

  /** From now on, the bytes of this connection go through this class. */
  parseInPieces(): void {
    if (this.parse) return;
    const { socket } = this;
    const [parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
    // Node has already removed its listener: the connection is closing.
    if (!parse) return;
    this.parse = parse;
    // Until now, the parser read the socket directly. Another listener makes Node emit the bytes instead.
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.off('data', parse);
    // Node resumes the socket whenever it has parsed a request.
    socket.on('resume', () => this.go());
  }

  /** Reads nothing more from the client until `readOn`. TCP makes the client wait. */
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
    // Node pauses the socket, too, while the client does not read its answers.
    while (this.rest.length > 0 && !this.isShut && !socket.isPaused() && !socket.writableEnded) {
      const piece = this.rest.subarray(0, pieceBytes);
      this.rest = this.rest.subarray(pieceBytes);
      this.parse?.(piece);
    }
    // Drops bytes that follow the last answer, or something that was not HTTP.
    if (socket.destroyed || socket.writableEnded) this.rest = nothing;
    if (this.isShut || this.rest.length > 0) socket.pause();
  }
}
