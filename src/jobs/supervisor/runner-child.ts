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

/** A smaller young generation of the heap: an import needs 100 MB less memory, with no measurable cost. */
const nodeOptions = ['--max-semi-space-size=4'];
const entry = fileURLToPath(new URL('../runner/runner-process.ts', import.meta.url));
/** A runner whose event loop has not turned for this long counts as blocked. */
const blockedMs = 1_000;
const stderrTailLength = 16_000;
/**
 * How long to read on after the runner's exit: its last output may arrive later than its exit. Not longer,
 * because a process that the runner left behind may hold the pipe open for ever.
 */
const readOnMs = 300;

export class RunnerChild {
  readonly workerId: string;
  readonly kind: RunnerKind;
  readonly ready: Promise<void>;
  readonly exited: Promise<RunnerExit>;
  /** The last message that the runner's lease thread sent about its state. */
  beat: Extract<RunnerMessage, { kind: 'beat' }> | undefined;
  isReady = false;
  isRunning = true;
  /** The runner is not needed any more and was asked to take no new work. */
  isRetired = false;
  /** Since when this process knows that the runner was given up, in monotonic milliseconds. */
  lostSinceMs: number | undefined;
  private readonly process: ChildProcess;
  private readonly pipe: Socket | undefined;
  private stderrTail = '';
  private readonly startedMs = monotonicMs();
  private beatAtMs = monotonicMs();
  private idleSinceMs: number | undefined;
  private wasKilled = false;

  constructor(settings: RunnerSettings) {
    this.workerId = settings.workerId;
    this.kind = settings.kind;
    this.process = spawn(process.execPath, [...nodeOptions, entry], {
      // fd 3 is the pipe to the lease thread. Our end closes when this process dies, however it dies.
      stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
      env: { ...withoutSecrets(process.env), HEADWAY_RUNNER: JSON.stringify(settings) },
    });
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // When file descriptors run out there is neither a process nor a pipe: see the handler of 'error' below.
    this.pipe = this.process.stdio?.[3] as Socket | undefined;
    if (this.pipe) {
      // A broken pipe means that the child died: the handler of 'exit' deals with it.
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
        await Promise.race([haveEnded, sleep(readOnMs, undefined, { ref: false })]);
        const wasOrdered = this.wasKilled || this.lostSinceMs !== undefined;
        resolve({ code, signal, wasOrdered, stderrTail: this.stderrTail });
      };
      this.process.on('exit', onExit);
      // The process could not be started.
      this.process.on('error', () => onExit(null, null));
    });
  }

  /** How many claims without an answer the runner has handed back since its start. */
  get handedBackClaims(): number {
    return this.beat?.handedBackClaims ?? 0;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get ageMs(): number {
    return monotonicMs() - this.startedMs;
  }

  /**
   * Whether the runner takes new work, or will take it once it has started. Also true for a runner that has
   * just died: it is not replaced before the supervisor knows how it ended.
   */
  get isTaking(): boolean {
    const { isRetired, lostSinceMs, beat } = this;
    return !isRetired && lostSinceMs === undefined && (beat?.state ?? 'running') === 'running';
  }

  get isDraining(): boolean {
    return this.isRunning && this.beat?.state === 'draining';
  }

  /** Whether the runner's event loop stands still, and with it all of its attempts. */
  get isBlocked(): boolean {
    return this.isReady && (this.beat?.loopAgeMs ?? 0) > blockedMs;
  }

  /**
   * Whether the event loop or the whole process stands still: such a runner does not take work that waits.
   */
  get isStandingStill(): boolean {
    return this.isBlocked || (this.isReady && monotonicMs() - this.beatAtMs > 2 * blockedMs);
  }

  get isBusy(): boolean {
    return this.isStandingStill || (this.isReady && this.idleSinceMs === undefined);
  }

  /** For how long the runner has had no work, in milliseconds; 0 until it has started. */
  get idleMs(): number {
    return this.idleSinceMs === undefined ? 0 : monotonicMs() - this.idleSinceMs;
  }

  /** Asks the runner to stop; its attempts have `graceMs` to end. */
  stop(graceMs: number): void {
    this.tell({ kind: 'stop', graceMs });
  }

  /** Asks the runner to take no new work; its messages (`beat`) then tell when it is drained. */
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

  /** Copies the runner's standard error to ours, and keeps its tail, which may tell why the runner ended. */
  private passOn(stderr: Readable): void {
    stderr.on('error', () => undefined);
    // The reader of our standard error may be gone: the service goes on without it.
    if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => undefined);
    stderr.on('data', (bytes: Buffer) => {
      process.stderr.write(bytes);
      this.stderrTail = (this.stderrTail + bytes.toString('latin1')).slice(-stderrTailLength);
    });
  }
}

/** Resolves when a stream has been read to its end and closed. */
async function ended(stream: Readable | null | undefined): Promise<void> {
  if (stream && !stream.closed) await new Promise((resolve) => stream.once('close', resolve));
}
