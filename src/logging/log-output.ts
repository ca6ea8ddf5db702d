/**
 * Where log lines go: standard output, which may stop taking them (a pager, a pipe whose reader stands still, a
 * terminal that was stopped with Ctrl-S, a full disk). Nothing waits for it: a bounded number of lines is kept until
 * it takes them again, and those that there is no room for are counted.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { DestinationStream } from 'pino';

const defaultMaxBytes = 1_000_000;
/** While nothing is taken, it is tried so often. */
const retryMs = 50;
/** At the end of the process, a reader that is slow gets so long. */
const lastMs = 300;

export interface LogOutputOptions {
  /** One that does not block: where it takes nothing, writing fails with EAGAIN. */
  readonly fd: number;
  /** Of lines that wait; default 1,000,000. */
  readonly maxBytes?: number;
}

export class LogOutput implements DestinationStream {
  /** Called when all that has waited was taken. */
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

  /** Whether all lines were taken. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** As much as is taken within a moment: for the end of the process, and for what may be the last line. */
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

  /** Whether nothing waits any more. */
  private writeAll(): boolean {
    let done = 0;
    try {
      for (const line of this.waiting) {
        const taken = writeSync(this.options.fd, line);
        this.bytes -= taken;
        if (taken < line.length) {
          // The rest of the line comes first.
          this.waiting[done] = line.subarray(taken);
          break;
        }
        done += 1;
      }
    } catch {
      // What nobody takes now, for whatever reason, is no reason to end in mid-work.
    }
    this.waiting = this.waiting.slice(done);
    return this.waiting.length === 0;
  }
}

let ofProcess: LogOutput | undefined;

/** The one of this process, on standard output. */
export function standardOutput(): LogOutput {
  if (!ofProcess) {
    const output = new LogOutput({ fd: openStandardOutput() });
    process.on('exit', () => output.flushSync());
    ofProcess = output;
  }
  return ofProcess;
}

/**
 * A pipe or a terminal is opened once more, as whether it blocks is common to all who have it: Node makes it block
 * for the processes that it starts. Where that cannot be, as for a socket or a pipe of another user, whoever does
 * not read keeps us waiting.
 */
function openStandardOutput(): number {
  try {
    if (!fstatSync(1).isFIFO() && !isatty(1)) return 1;
    return openSync('/dev/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return 1;
  }
}
