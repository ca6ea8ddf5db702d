/** A runner as its supervisor sees it: a child process and the pipe to its lease thread. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../monotonic.ts';
import { encodeMessage, type RunnerMessage, readMessages, runnerMessage } from './lease-messages.ts';
import type { RunnerSettings } from './runner-process.ts';

/** A smaller young generation: an import then needs 100 MB less, at no cost that can be measured. */
const nodeOptions = ['--max-semi-space-size=4'];
const entry = fileURLToPath(new URL('./runner-process.ts', import.meta.url));

export interface RunnerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class RunnerChild {
  readonly workerId: string;
  readonly startedMs = monotonicMs();
  readonly ready: Promise<void>;
  readonly exited: Promise<RunnerExit>;
  /** The last that its lease thread told. */
  beat: Extract<RunnerMessage, { kind: 'beat' }> | undefined;
  isRunning = true;
  /** Since when it is known to have been given up, in monotonic milliseconds. */
  lostSinceMs: number | undefined;
  private readonly process: ChildProcess;
  private readonly pipe: Socket | undefined;

  constructor(settings: RunnerSettings) {
    this.workerId = settings.workerId;
    this.process = spawn(process.execPath, [...nodeOptions, entry], {
      // fd 3 is the pipe to the lease thread: its end closes with this process, however it dies.
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: { ...process.env, HEADWAY_RUNNER: JSON.stringify(settings) },
    });
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // Without file descriptors there is neither a process nor a pipe; 'error' says so below.
    this.pipe = this.process.stdio?.[3] as Socket | undefined;
    if (this.pipe) {
      // A broken pipe is a dead child: its exit says so.
      this.pipe.on('error', () => undefined);
      readMessages(this.pipe, runnerMessage, (message) => {
        if (message.kind === 'beat') this.beat = message;
        else ready.resolve();
      });
    }
    this.exited = new Promise((resolve) => {
      const onExit = (code: number | null, signal: NodeJS.Signals | null) => {
        this.isRunning = false;
        ready.resolve();
        resolve({ code, signal });
      };
      this.process.on('exit', onExit);
      // The process could not be started at all.
      this.process.on('error', () => onExit(null, null));
    });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Asks it to stop; what runs has until then to end. */
  stop(graceMs: number): void {
    this.pipe?.write(encodeMessage({ kind: 'stop', graceMs }));
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }
}

/** In words that people are shown. */
export function describeExit({ code, signal }: RunnerExit): string {
  if (signal) return `ended by ${signal}`;
  return code === null ? 'could not be started' : `exit code ${code}`;
}
