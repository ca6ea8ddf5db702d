/**
 * Writes log lines to standard output, which may stop taking them (a pager, a pipe whose reader stands still,
 * a terminal that was stopped with Ctrl-S, a full disk). The process goes on meanwhile: it keeps up to 1 MB
 * of lines until the output takes them again, and counts the lines for which there is no room.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { DestinationStream } from 'pino';

const defaultMaxBytes = 1_000_000;
/** While the output takes nothing, writing is tried again this often. */
const retryMs = 50;
/** How long a process that ends waits for a slow reader. */
const lastMs = 300;

export interface LogOutputOptions {
  /** A descriptor that does not block: while the output takes nothing, writing fails with EAGAIN. */
  readonly fd: number;
  /** The most bytes of lines that wait; default 1,000,000. */
  readonly maxBytes?: number;
}

export class LogOutput implements DestinationStream {
  /** Called with the number of lines that were left out, when all waiting lines have been written. */
  onLeftOut: (lines: number) => void = () => undefined;
  private readonly options: LogOutputOptions;
  private waiting: Buffer[] = [];
  private bytes = 0;
  private leftOut = 0;
  private retry: NodeJS.Timeout | undefined;

  constructor(options: LogOutputOptions) {
    this.options = options;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.bytes + bytes.length > (this.options.maxBytes ?? defaultMaxBytes)) {
      this.leftOut += 1;
      return;
    }
    this.waiting.push(bytes);
    this.bytes += bytes.length;
    if (!this.retry) this.flush();
  }

  /** Whether all lines have been written. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** Writes what is taken within 300 ms: at the end of the process, and for a line that may be the last. */
  flushSync(): void {
    const untilMs = performance.now() + lastMs;
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (!this.writeAll() && performance.now() < untilMs) Atomics.wait(pause, 0, 0, 10);
  }

  private flush(): void {
    if (!this.writeAll()) {
      this.retry ??= setInterval(() => this.flush(), retryMs).unref();
      return;
    }
    clearInterval(this.retry);
    this.retry = undefined;
    const { leftOut } = this;
    this.leftOut = 0;
    if (leftOut > 0) this.onLeftOut(leftOut);
  }

  /** Writes what the output takes. Returns whether no line waits any more. */
  private writeAll(): boolean {
    let done = 0;
    try {
      for (const line of this.waiting) {
        const taken = writeSync(this.options.fd, line);
        this.bytes -= taken;
        if (taken < line.length) {
          // The next attempt begins with the rest of this line.
          this.waiting[done] = line.subarray(taken);
          break;
        }
        done += 1;
      }
    } catch {
      // Output that takes nothing now, for whatever reason, must not end the process in mid-work.
    }
    this.waiting = this.waiting.slice(done);
    return this.waiting.length === 0;
  }
}

let ofProcess: LogOutput | undefined;

/** The log output of this process, on standard output. */
export function standardOutput(): LogOutput {
  if (!ofProcess) {
    const output = new LogOutput({ fd: openStandardOutput() });
    process.on('exit', () => output.flushSync());
    ofProcess = output;
  }
  return ofProcess;
}

/**
 * Opens a pipe or a terminal once more, so that it does not block for this process. All processes that share
 * a descriptor share whether it blocks, and Node makes it block for the processes that it starts. If it
 * cannot be opened again, as with a socket or a pipe of another user, a reader that does not read keeps this
 * process waiting.
 */
function openStandardOutput(): number {
  try {
    if (!fstatSync(1).isFIFO() && !isatty(1)) return 1;
    return openSync('/dev/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return 1;
  }
}
