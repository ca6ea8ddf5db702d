/** An attempt: one execution of a task in this runner, from its claim to its end. */
import type { Logger } from 'pino';
import { isConnectionError } from '../../database/error-kinds.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import type { Failure } from '../../tasks/life/end.ts';
import { ProgressCounter } from '../../tasks/progress/counter.ts';
import type { ProgressWriter, ReportingAttempt } from '../../tasks/progress/writer.ts';
import type { ClaimedAttempt } from '../../tasks/queue/claim.ts';
import type { Store } from '../../tasks/store.ts';
import type { JobDefinition } from '../define-job.ts';
import { AttemptAborted, LostAttempt, PermanentError } from '../errors.ts';
import { describeIssues } from '../issues.ts';
import { describeThrown } from '../thrown.ts';
import { AttemptContext } from './attempt-context.ts';
import { backoffSeconds } from './backoff.ts';
import type { DatabaseTrouble } from './database-trouble.ts';
import type { EndWriter } from './end-writer.ts';
import { overdueGraceMs } from './overdue-grace.ts';
import { encodeResult } from './result.ts';

const defaultTimeoutSeconds = 3600;

export interface AttemptOptions {
  readonly claimed: ClaimedAttempt;
  readonly definition: JobDefinition;
  readonly store: Store;
  readonly writer: ProgressWriter;
  readonly ends: EndWriter;
  readonly databaseTrouble: DatabaseTrouble;
  readonly leaseMs: number;
  readonly log: Logger;
  /** Called when the attempt should stop: its deadline may have moved nearer. */
  onDeadline(): void;
}

/** Is told how an attempt ends, before the end is written. */
export interface AttemptWatcher {
  /** Called when the job's code has returned: its slot is free. */
  onReturned(): void;
  /** Called when the attempt is overdue: it ends, but the job's code goes on running in this process. */
  onOverdue(): void;
}

type Outcome = Pick<Failure, 'outcome' | 'error' | 'delaySeconds'>;

export class Attempt implements ReportingAttempt {
  readonly taskId: string;
  readonly type: string;
  readonly attempt: number;
  readonly counter: ProgressCounter;
  /** When the attempt should have stopped, in monotonic milliseconds. A request to stop moves it nearer. */
  deadlineMs: number;
  isEnding = false;
  private readonly options: AttemptOptions;
  private readonly abortion = new AbortController();
  /** Aborts when the job's writes no longer count. */
  private readonly over = new AbortController();
  private readonly overdue = Promise.withResolvers<'overdue'>();
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(options: AttemptOptions) {
    const { claimed, definition } = options;
    this.options = options;
    this.taskId = claimed.taskId;
    this.type = claimed.type;
    this.attempt = claimed.attempt;
    const goesOn = claimed.checkpoint !== null && claimed.checkpoint !== undefined;
    this.counter = new ProgressCounter(goesOn ? undefined : performance.now());
    this.deadlineMs = monotonicMs() + timeoutMs(definition);
  }

  /**
   * Runs the job and writes the end of the attempt. An overdue attempt is ended while the job's code still
   * runs.
   */
  async run({ onReturned, onOverdue }: AttemptWatcher): Promise<void> {
    const { writer, claimed } = this.options;
    this.timers.push(setTimeout(() => this.onTimeout(), timeoutMs(this.options.definition)));
    if (claimed.cancelRequested) this.onCancelRequested();
    writer.add(this);
    try {
      const ending = await Promise.race([this.execute(), this.overdue.promise]);
      if (ending === 'overdue') onOverdue();
      else onReturned();
      await this.end(ending === 'overdue' ? this.overdueOutcome() : ending);
    } finally {
      for (const timer of this.timers) clearTimeout(timer);
      await writer.release(this);
    }
  }

  onLost(): void {
    this.over.abort(new LostAttempt());
    this.askToStop(new LostAttempt());
  }

  onCancelRequested(): void {
    this.askToStop(new AttemptAborted('cancel', 'The task was cancelled'));
  }

  /** Called when the runner stops: the attempt goes back to the queue, unless it ends by itself first. */
  onShutdown(): void {
    this.abortion.abort(new AttemptAborted('shutdown', 'The runner is shutting down'));
  }

  /** Ends the attempt as handed back at once, also if the job's code goes on running. */
  handBack(): void {
    this.onShutdown();
    this.endWhileRunning();
  }

  /** Ends the attempt although the job's code may still run. */
  private endWhileRunning(): void {
    this.overdue.resolve('overdue');
    this.over.abort(new LostAttempt());
  }

  private onTimeout(): void {
    const seconds = timeoutMs(this.options.definition) / 1000;
    this.askToStop(new AttemptAborted('timeout', `The attempt took longer than ${seconds} seconds`));
  }

  /**
   * Aborts the job's signal. If the job goes on regardless, the attempt is overdue after the grace period.
   */
  private askToStop(reason: Error): void {
    const { leaseMs, onDeadline } = this.options;
    if (this.abortion.signal.aborted) return;
    this.abortion.abort(reason);
    this.timers.push(setTimeout(() => this.endWhileRunning(), overdueGraceMs(leaseMs)));
    this.deadlineMs = Math.min(this.deadlineMs, monotonicMs());
    onDeadline();
  }

  private async execute(): Promise<Outcome | { result: string } | 'finished' | 'lost'> {
    const { definition } = this.options;
    try {
      const input = await this.parseInput();
      const context = this.context();
      const value = await definition.run(input, context);
      await context.settled();
      if (context.hasFinished) return 'finished';
      return { result: await encodeResult(definition, value) };
    } catch (error) {
      return this.judge(readable(error));
    }
  }

  /** Parses the input as it was sent by the job's schema. */
  private async parseInput(): Promise<unknown> {
    const { claimed, definition } = this.options;
    const input = await definition.input.safeParseAsync(claimed.input);
    // An asynchronous schema may take long. If the attempt should stop by now, the job's code does not begin.
    this.abortion.signal.throwIfAborted();
    if (input.success) return input.data;
    const issues = describeIssues(input.error, 'input');
    throw new PermanentError(`The task's input no longer fits its job: ${issues}`, { code: 'invalid_input' });
  }

  private context(): AttemptContext {
    const { claimed, definition, store, databaseTrouble, writer } = this.options;
    return new AttemptContext({
      claimed,
      store,
      databaseTrouble,
      counter: this.counter,
      signal: this.abortion.signal,
      over: this.over.signal,
      encodeResult: (result) => encodeResult(definition, result),
      onFinishing: () => this.stopReporting(writer),
      onFinishRefused: () => this.resumeReporting(writer),
    });
  }

  /** Decides how an attempt ends when the job throws. Once the signal was aborted, its reason decides. */
  private judge(error: unknown): Outcome | 'lost' {
    const { claimed, definition, databaseTrouble, leaseMs } = this.options;
    const { reason } = this.abortion.signal;
    if (reason instanceof LostAttempt) return 'lost';
    const delaySeconds = backoffSeconds(definition.backoff, claimed.failures);
    if (reason instanceof AttemptAborted) {
      if (reason.why === 'shutdown') return { outcome: 'handed_back', delaySeconds: 0 };
      const outcome = reason.why === 'timeout' ? 'timed_out' : 'failed';
      return { outcome, error: { code: reason.why, message: reason.message }, delaySeconds };
    }
    if (error instanceof PermanentError) {
      return { outcome: 'permanent', error: describeThrown(error), delaySeconds };
    }
    // A statement of the job met an outage. Headway's own statements wait until the outage is over, and the
    // job cannot: so this is no failure of the job.
    if (isConnectionError(error) && databaseTrouble.wasWithin(leaseMs)) {
      return { outcome: 'handed_back', delaySeconds: 1 };
    }
    return { outcome: 'failed', error: describeThrown(error), delaySeconds };
  }

  private overdueOutcome(): Outcome | 'lost' {
    return this.judge(this.abortion.signal.reason);
  }

  private async end(outcome: Outcome | { result: string } | 'finished' | 'lost'): Promise<void> {
    const { ends, writer, log } = this.options;
    const ref = { taskId: this.taskId, attempt: this.attempt };
    if (outcome === 'lost') return log.warn({ task: this.taskId, attempt: this.attempt }, 'attempt lost');
    if (outcome === 'finished') return;
    await this.stopReporting(writer);
    const report = this.counter.take(performance.now());
    if ('result' in outcome) return ends.succeed({ ...ref, report, result: outcome.result });
    return ends.fail({ ...ref, report, ...outcome });
  }

  private async stopReporting(writer: ProgressWriter): Promise<void> {
    this.isEnding = true;
    await writer.release(this);
  }

  private resumeReporting(writer: ProgressWriter): void {
    this.isEnding = false;
    writer.add(this);
  }
}

function timeoutMs(definition: JobDefinition): number {
  return (definition.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
}

/** Replaces a thrown value for which `instanceof` throws, as it may for a proxy. */
function readable(thrown: unknown): unknown {
  try {
    void (thrown instanceof Error);
    return thrown;
  } catch {
    return new Error('The job threw a value that cannot be read');
  }
}
