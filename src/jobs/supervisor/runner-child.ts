/** A runner as its supervisor sees it: a child process and the pipe to its lease thread. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withoutSecrets } from '../../config.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import {
  encodeMessage,
  type RunnerMessage,
  readMessages,
  runnerMessage,
  type SupervisorMessage,
} from '../runner/lease-messages.ts';
import type { RunnerKind } from '../runner/queues.ts';
import type { RunnerSettings } from '../runner/runner-process.ts';
import type { RunnerExit } from './exit.ts';

/** A smaller young generation: an import then needs 100 MB less, at no cost that can be measured. */
const nodeOptions = ['--max-semi-space-size=4'];
const entry = fileURLToPath(new URL('../runner/runner-process.ts', import.meta.url));
/** Older than this, the main loop of a runner counts as blocked. */
const blockedMs = 1_000;
const lastWordsLength = 16_000;
/** What it wrote and told last may come after its exit; a process that it left behind may hold the pipe for ever. */
const lastWordsMs = 300;

export class RunnerChild {
  readonly workerId: string;
  readonly kind: RunnerKind;
  readonly ready: Promise<void>;
  readonly exited: Promise<RunnerExit>;
  /** The last that its lease thread told. */
  beat: Extract<RunnerMessage, { kind: 'beat' }> | undefined;
  isReady = false;
  isRunning = true;
  /** It was asked to take nothing new, as it is not needed. */
  isRetired = false;
  /** Since when it is known to have been given up, in monotonic milliseconds. */
  lostSinceMs: number | undefined;
  private readonly process: ChildProcess;
  private readonly pipe: Socket | undefined;
  private lastWords = '';
  private readonly startedMs = monotonicMs();
  private beatAtMs = monotonicMs();
  private idleSinceMs: number | undefined;
  private wasKilled = false;

  constructor(settings: RunnerSettings) {
    this.workerId = settings.workerId;
    this.kind = settings.kind;
    this.process = spawn(process.execPath, [...nodeOptions, entry], {
      // fd 3 is the pipe to the lease thread: its end closes with this process, however it dies.
      stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
      env: { ...withoutSecrets(process.env), HEADWAY_RUNNER: JSON.stringify(settings) },
    });
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // Without file descriptors there is neither a process nor a pipe; 'error' says so below.
    this.pipe = this.process.stdio?.[3] as Socket | undefined;
    if (this.pipe) {
      // A broken pipe is a dead child: its exit says so.
      this.pipe.on('error', () => undefined);
      readMessages(this.pipe, runnerMessage, (message) => {
        if (message.kind === 'beat') return this.onBeat(message);
        if (message.kind === 'given_up') return this.onGivenUp();
        this.isReady = true;
        this.idleSinceMs = monotonicMs();
        ready.resolve();
      });
    }
    const { stderr } = this.process;
    if (stderr) this.passOn(stderr);
    this.exited = new Promise((resolve) => {
      const onExit = async (code: number | null, signal: NodeJS.Signals | null) => {
        this.isRunning = false;
        ready.resolve();
        const haveEnded = Promise.all([stderr, this.pipe].map(ended));
        await Promise.race([haveEnded, sleep(lastWordsMs, undefined, { ref: false })]);
        const wasOrdered = this.wasKilled || this.lostSinceMs !== undefined;
        resolve({ code, signal, wasOrdered, lastWords: this.lastWords });
      };
      this.process.on('exit', onExit);
      // The process could not be started at all.
      this.process.on('error', () => onExit(null, null));
    });
  }

  /** Since it started. */
  get handedBackClaims(): number {
    return this.beat?.handedBackClaims ?? 0;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get ageMs(): number {
    return monotonicMs() - this.startedMs;
  }

  /** Whether it takes new work, or will when it has started. One that has died keeps its place until it is known how. */
  get isTaking(): boolean {
    const { isRetired, lostSinceMs, beat } = this;
    return !isRetired && lostSinceMs === undefined && (beat?.state ?? 'running') === 'running';
  }

  get isDraining(): boolean {
    return this.isRunning && this.beat?.state === 'draining';
  }

  /** Whether its event loop stands still, with everything that it runs. */
  get isBlocked(): boolean {
    return this.isReady && (this.beat?.loopAgeMs ?? 0) > blockedMs;
  }

  /** The same, or the whole process does: it will not take what waits. */
  get isStandingStill(): boolean {
    return this.isBlocked || (this.isReady && monotonicMs() - this.beatAtMs > 2 * blockedMs);
  }

  get isBusy(): boolean {
    return this.isStandingStill || (this.isReady && this.idleSinceMs === undefined);
  }

  /** For how long nothing has run in it; 0 until it has started. */
  get idleMs(): number {
    return this.idleSinceMs === undefined ? 0 : monotonicMs() - this.idleSinceMs;
  }

  /** Asks it to stop; what runs has until then to end. */
  stop(graceMs: number): void {
    this.tell({ kind: 'stop', graceMs });
  }

  /** Asks it to take nothing new; its beats then say when it is drained. */
  retire(): void {
    this.isRetired = true;
    this.tell({ kind: 'retire' });
  }

  kill(): void {
    this.wasKilled ||= this.isRunning;
    this.process.kill('SIGKILL');
  }

  private onGivenUp(): void {
    this.lostSinceMs ??= monotonicMs();
  }

  private tell(message: SupervisorMessage): void {
    this.pipe?.write(encodeMessage(message));
  }

  private onBeat(beat: Extract<RunnerMessage, { kind: 'beat' }>): void {
    this.beat = beat;
    this.beatAtMs = monotonicMs();
    if (!this.isReady || beat.attempts.length > 0) this.idleSinceMs = undefined;
    else this.idleSinceMs ??= this.beatAtMs;
  }

  /** What it writes to standard error goes to ours; the end of it may say why the process ended. */
  private passOn(stderr: Readable): void {
    stderr.on('error', () => undefined);
    // Who reads ours may be gone: that is no reason to end.
    if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => undefined);
    stderr.on('data', (bytes: Buffer) => {
      process.stderr.write(bytes);
      this.lastWords = (this.lastWords + bytes.toString('latin1')).slice(-lastWordsLength);
    });
  }
}

/** When all that a stream has carried has been read. */
async function ended(stream: Readable | null | undefined): Promise<void> {
  if (stream && !stream.closed) await new Promise((resolve) => stream.once('close', resolve));
}
