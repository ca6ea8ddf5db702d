/**
 * A runner claims queued tasks while it has free slots, and runs them. It has its own claim loop instead of
 * pg-boss's: a queue that has work is claimed from again as soon as a slot is free, and a NOTIFY starts a
 * claim at once.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isPassingError } from '../../database/error-kinds.ts';
import { Listener } from '../../database/listener.ts';
import { channels } from '../../database/names.ts';
import { seldom } from '../../logging/seldom.ts';
import { Loop } from '../../scheduling/loop.ts';
import type { AttemptRef } from '../../tasks/life/end.ts';
import { emptyReport } from '../../tasks/model/progress-report.ts';
import { ProgressWriter } from '../../tasks/progress/writer.ts';
import { type Claim, type ClaimedAttempt, claimTasks } from '../../tasks/queue/claim.ts';
import { typeOfQueue } from '../../tasks/queue/names.ts';
import { maxClaims } from '../../tasks/queue/queue.ts';
import type { Store } from '../../tasks/store.ts';
import { Attempt } from '../attempt/attempt.ts';
import type { DatabaseTrouble } from '../attempt/database-trouble.ts';
import { EndWriter } from '../attempt/end-writer.ts';
import type { JobRegistry } from '../registry.ts';
import type { RunnerState } from './lease-messages.ts';
import { queuesFor, type RunnerKind } from './queues.ts';
import { SlotPlan } from './slot-plan.ts';
import { nameOf, UnknownClaims } from './unknown-claims.ts';

export interface RunnerOptions {
  readonly store: Store;
  readonly registry: JobRegistry;
  readonly workerId: string;
  readonly kind: RunnerKind;
  readonly slots: number;
  readonly leaseSeconds: number;
  readonly databaseTrouble: DatabaseTrouble;
  readonly log: Logger;
  onChange(status: RunnerStatus): void;
}

export interface RunnerStatus {
  /** The attempts that run now. */
  readonly attempts: readonly Attempt[];
  readonly state: RunnerState;
  /** How many claims without an answer have been handed back since the start. */
  readonly handedBackClaims: number;
}

/** How often to look for delayed entries: they send no NOTIFY when they fall due. */
const floorPollMs = 1_000;
const troublePauseMs = 500;
/**
 * How often to ask for rows that run here unknown to this runner. A claim may commit long after the runner
 * has stopped waiting for it: a server that stood still reads the statement only when it goes on.
 */
const askIntervalMs = 5_000;
/** The line in the history of a task that was claimed without an answer. */
const claimUnheard = 'The worker was given this task without hearing of it, as an answer was lost';

export class Runner {
  private readonly options: RunnerOptions;
  private readonly queues: readonly string[];
  private readonly plan: SlotPlan;
  private readonly attempts = new Set<Attempt>();
  private readonly writer: ProgressWriter;
  private readonly ends: EndWriter;
  private readonly listener: Listener;
  private readonly floorPoll: Loop;
  private readonly sayClaimFailed: (queue: string, error: unknown) => void;
  private readonly asking: Loop;
  private claiming = 0;
  private claimTurn: NodeJS.Immediate | undefined;
  private changeTurn: NodeJS.Immediate | undefined;
  private readonly unknownClaims = new UnknownClaims();
  private readonly handingBack = new Set<string>();
  private handedBackClaims = 0;
  private state: 'running' | 'draining' | 'stopping' = 'running';

  constructor(options: RunnerOptions) {
    const { store, registry, workerId, kind, slots, databaseTrouble, log } = options;
    this.options = options;
    this.queues = queuesFor(kind, registry);
    this.plan = new SlotPlan(slots, (queue) => registry.get(typeOfQueue(queue))?.concurrency ?? slots);
    const onError = (error: unknown) => databaseTrouble.note(error);
    this.writer = new ProgressWriter({
      store,
      workerId,
      onUnknown: (rows) => this.handBackUnknown(rows),
      onError,
    });
    this.ends = new EndWriter({ store, databaseTrouble, log });
    this.sayClaimFailed = seldom((queue, error) => log.error({ err: error, queue }, 'claim failed'));
    this.listener = new Listener({
      url: store.db.url,
      channel: channels.work,
      name: 'headway listener',
      onNotification: (queue) => this.wake([queue]),
      onConnect: () => this.wake(this.queues),
    });
    this.floorPoll = new Loop({ intervalMs: floorPollMs, run: () => this.pollDue(), onError });
    this.asking = new Loop({ intervalMs: askIntervalMs, run: async () => this.writer.askSoon(), onError });
  }

  start(): void {
    this.listener.start();
    this.floorPoll.start();
    this.asking.start();
  }

  /**
   * Takes no new work. Lets attempts end for the first half of the grace period, then asks them to stop, and
   * at the end of the period hands back those that still run.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.state === 'stopping') return;
    this.state = 'stopping';
    this.plan.close();
    // Do not wait for these: during an outage they may hang.
    void this.listener.stop();
    void this.floorPoll.stop();
    void this.asking.stop();
    const hasEnded = () => this.attempts.size === 0 && this.claiming === 0;
    const deadline = performance.now() + graceMs;
    if (await until(hasEnded, deadline - graceMs / 2)) return;
    for (const attempt of this.attempts) attempt.onShutdown();
    if (await until(hasEnded, deadline)) return;
    for (const attempt of this.attempts) attempt.handBack();
    // Attempts whose end cannot be written now are taken back by the parent, which gives this worker up.
    await until(hasEnded, deadline + 1_000);
  }

  /** Marks queues that may have work, and claims from them while slots are free. */
  private wake(queues: readonly string[]): void {
    for (const queue of queues) if (this.queues.includes(queue)) this.plan.markReady(queue);
    this.claimMore();
  }

  private async pollDue(): Promise<void> {
    const queues = this.queues.filter((queue) => this.plan.roomFor(queue) > 0);
    if (queues.length > 0) this.wake(await this.options.store.queue.due(queues));
  }

  /**
   * Claims after this turn of the event loop: one claim fills all slots that become free in the same turn.
   */
  private claimMore(): void {
    this.claimTurn ??= setImmediate(() => {
      this.claimTurn = undefined;
      this.claimNow();
    });
  }

  private claimNow(): void {
    while (this.claiming < maxClaims) {
      const next = this.plan.next();
      if (!next) return;
      this.claiming += 1;
      this.take(next.queue, next.count)
        .catch((error) => this.options.log.error({ err: error, queue: next.queue }, 'claim failed'))
        .finally(() => {
          this.claiming -= 1;
          if (this.state === 'draining') this.changed();
          this.claimMore();
        });
    }
  }

  /** Claims up to `reserved` tasks, and starts those that it got. */
  private async take(queue: string, reserved: number): Promise<void> {
    let claimed: readonly ClaimedAttempt[] = [];
    try {
      const claim = await this.claim(queue, reserved);
      claimed = claim.attempts;
      if (claim.hasMore) this.wake([queue]);
    } finally {
      this.plan.release(queue, reserved - claimed.length);
    }
    if (claimed.length === 0) return;
    const attempts = claimed.map((attempt) => this.begin(attempt));
    // Tell the supervisor before the jobs' code runs: the code may block the loop at once.
    this.tellChange();
    for (const attempt of attempts) this.run(queue, attempt);
  }

  private async claim(queue: string, limit: number): Promise<Claim> {
    const { store, workerId, databaseTrouble } = this.options;
    try {
      return await this.unknownClaims.during(() => claimTasks(store, workerId, queue, limit));
    } catch (error) {
      databaseTrouble.note(error);
      if (!isPassingError(error)) this.sayClaimFailed(queue, error);
      // The claim may have committed all the same: the next flush of progress finds its rows.
      this.writer.askSoon();
      // The pause keeps an outage from becoming a busy loop.
      await sleep(troublePauseMs);
      this.plan.markReady(queue);
      return { attempts: [], hasMore: false };
    }
  }

  private begin(claimed: ClaimedAttempt): Attempt {
    const { store, registry, databaseTrouble, leaseSeconds, log } = this.options;
    const definition = registry.get(claimed.type);
    if (!definition) throw new Error(`No job is registered for the type "${claimed.type}"`);
    const attempt = new Attempt({
      claimed,
      definition,
      store,
      databaseTrouble,
      log,
      writer: this.writer,
      ends: this.ends,
      leaseMs: leaseSeconds * 1000,
      onDeadline: () => this.changed(),
    });
    this.attempts.add(attempt);
    return attempt;
  }

  private run(queue: string, attempt: Attempt): void {
    const { kind, log } = this.options;
    let hasReturned = false;
    const onReturned = () => {
      // A solo runner must have one running row at a time: with two, neither task is blamed when the runner
      // dies.
      if (kind === 'solo') return;
      hasReturned = true;
      this.plan.returned(queue);
      // The next task is claimed while the end of this one is written.
      this.claimMore();
    };
    attempt
      .run({ onReturned, onOverdue: () => this.drain() })
      .catch((error) => log.error({ err: error, task: attempt.taskId }, 'attempt failed to end'))
      .finally(() => {
        this.attempts.delete(attempt);
        if (hasReturned) this.plan.written();
        else this.plan.release(queue, 1);
        this.claimMore();
        this.changed();
      });
  }

  /**
   * Takes no new work from now on: the runner is not needed, or a job that ignores its deadline still runs
   * here.
   */
  drain(): void {
    if (this.state === 'running') this.state = 'draining';
    this.plan.close();
    this.changed();
  }

  /** Tells the supervisor once about all that changes in the same turn of the event loop. */
  private changed(): void {
    this.changeTurn ??= setImmediate(() => this.tellChange());
  }

  private tellChange(): void {
    clearImmediate(this.changeTurn);
    this.changeTurn = undefined;
    const hasWork = this.attempts.size > 0 || this.claiming > 0;
    const state = this.state === 'running' ? 'running' : hasWork ? 'draining' : 'drained';
    this.options.onChange({
      attempts: [...this.attempts],
      state,
      handedBackClaims: this.handedBackClaims,
    });
  }

  /**
   * Puts tasks that a lost answer has claimed for this runner back into the queue; this costs them no try.
   */
  private handBackUnknown(rows: readonly AttemptRef[]): void {
    const known = new Set([...this.attempts].map(nameOf));
    const { lost, hasOthers } = this.unknownClaims.sift(rows, (row) => known.has(nameOf(row)));
    if (hasOthers) this.writer.askSoon();
    for (const row of lost) if (!this.handingBack.has(nameOf(row))) void this.handBackClaim(row);
  }

  private async handBackClaim({ taskId, attempt }: AttemptRef): Promise<void> {
    this.options.log.warn({ task: taskId, attempt }, 'claimed without an answer: handed back');
    const name = nameOf({ taskId, attempt });
    this.handingBack.add(name);
    const report = { ...emptyReport, log: [claimUnheard] };
    await this.ends.fail({ taskId, attempt, outcome: 'handed_back', delaySeconds: 0, report });
    this.handingBack.delete(name);
    this.handedBackClaims += 1;
    this.changed();
  }
}

async function until(condition: () => boolean, deadline: number): Promise<boolean> {
  while (!condition()) {
    if (performance.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}
