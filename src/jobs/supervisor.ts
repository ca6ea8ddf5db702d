/** The part of the parent that starts, watches and replaces runners. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Loop } from '../loop.ts';
import { monotonicMs } from '../monotonic.ts';
import { newId } from '../tasks/ids.ts';
import type { Store } from '../tasks/store.ts';
import { giveUp, type LostReason, lostAmong } from '../tasks/workers.ts';
import { overdueGraceMs } from './attempt.ts';
import { persist } from './persist.ts';
import { describeExit, RunnerChild, type RunnerExit } from './runner-child.ts';

export interface SupervisorOptions {
  readonly store: Store;
  readonly runners: number;
  readonly slots: number;
  readonly leaseSeconds: number;
  readonly jobFolders: readonly string[];
  readonly logLevel: string;
  readonly log: Logger;
}

const watchMs = 1_000;
/** How long after its grace a runner may take to hand its work back. */
const handBackMs = 1_500;
/** How long a stop waits for the database to take back what runners have left. */
const takeBackMs = 1_000;
/** Older than this, the main loop of a runner counts as blocked. */
const blockedMs = 1_000;
/** A child that was given up ends itself when it notices; past this it cannot. */
const lostGraceMs = 60_000;
/** A runner that lived shorter than this failed to start: the next waits, ever longer. */
const shortLifeMs = 5_000;
const longestRestartMs = 30_000;

export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly children = new Set<RunnerChild>();
  private readonly endings = new Set<Promise<unknown>>();
  private readonly watcher: Loop;
  private isStopping = false;
  private restartMs = 0;
  private readonly restartTimers = new Set<NodeJS.Timeout>();

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.watcher = new Loop({
      intervalMs: watchMs,
      run: () => this.watch(),
      // The next turn asks again; the reaper acts meanwhile.
      onError: () => undefined,
    });
  }

  /** Resolves when the first runners take tasks. */
  async start(): Promise<void> {
    const { runners, slots } = this.options;
    for (let number = 0; number < runners; number += 1) this.startRunner({ slots });
    this.watcher.start();
    await Promise.all([...this.children].map((child) => child.ready));
  }

  /**
   * Asks all runners to stop, takes back what they have not handed back in time, and resolves when
   * all of them are gone and their work is back in the queue.
   */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    for (const timer of this.restartTimers) clearTimeout(timer);
    for (const child of this.children) child.stop(graceMs);
    const timers = [
      // Nothing that a blocked loop is told reaches it.
      setTimeout(() => this.killBlocked(), graceMs),
      setTimeout(() => this.killAll(), graceMs + handBackMs),
    ];
    await Promise.all([...this.children].map((child) => child.exited));
    for (const timer of timers) clearTimeout(timer);
    // Without the database nothing can be taken back; the leases lapse, and others do it.
    await Promise.race([
      Promise.all([this.watcher.stop(), ...this.endings]),
      sleep(takeBackMs, undefined, { ref: false }),
    ]);
  }

  /** Ends all runners at once; their work goes back to the queue as they exit. */
  killAll(): void {
    this.isStopping = true;
    for (const child of this.children) child.kill();
  }

  private killBlocked(): void {
    for (const child of this.children) if ((child.beat?.loopAgeMs ?? 0) > blockedMs) child.kill();
  }

  private startRunner({ slots }: { slots: number }): void {
    if (this.isStopping) return;
    const { store, leaseSeconds, jobFolders, logLevel, log } = this.options;
    const child = new RunnerChild({
      workerId: newId(),
      databaseUrl: store.db.url,
      slots,
      leaseSeconds,
      retentionDays: store.retentionDays,
      jobFolders: [...jobFolders],
      logLevel,
    });
    this.children.add(child);
    log.info({ worker: child.workerId, runnerPid: child.pid }, 'runner started');
    const ending = child.exited.then((exit) => this.onExit(child, exit));
    this.endings.add(ending);
    void ending.finally(() => this.endings.delete(ending));
  }

  private async onExit(child: RunnerChild, exit: RunnerExit): Promise<void> {
    const { slots, log } = this.options;
    this.children.delete(child);
    const how = describeExit(exit);
    if (!this.isStopping && child.lostSinceMs === undefined) this.replace(child, slots);
    const moved = await this.takeBack(child, this.isStopping ? 'handed_back' : 'exited', how);
    const level = this.isStopping || exit.code === 0 ? 'info' : 'warn';
    log[level]({ worker: child.workerId, how, tasks: moved }, 'runner ended');
  }

  private replace(child: RunnerChild, slots: number): void {
    const wasShort = monotonicMs() - child.startedMs < shortLifeMs;
    this.restartMs = wasShort ? Math.min(longestRestartMs, this.restartMs * 2 + 250) : 0;
    const timer = setTimeout(() => {
      this.restartTimers.delete(timer);
      this.startRunner({ slots });
    }, this.restartMs);
    this.restartTimers.add(timer);
  }

  /** @returns how many tasks went on; what cannot be taken back now is the reaper's */
  private async takeBack(child: RunnerChild, reason: LostReason, detail: string): Promise<number> {
    const { store, log } = this.options;
    let isTold = false;
    const onTrouble = (error: unknown) => {
      if (!isTold)
        log.warn({ err: error, worker: child.workerId }, 'cannot give the runner up yet; trying on');
      isTold = true;
    };
    try {
      const moved = await persist(
        () => giveUp(store, child.workerId, reason, detail),
        async () => undefined,
        { onTrouble },
      );
      return moved.length;
    } catch (error) {
      log.error({ err: error, worker: child.workerId }, 'runner not given up: the reaper will do it');
      return 0;
    }
  }

  private async watch(): Promise<void> {
    const children = [...this.children];
    if (children.length === 0) return;
    for (const child of children) if (this.isOverdueAndBlocked(child)) this.endBlocked(child);

    const lost = await lostAmong(
      this.options.store,
      children.map((child) => child.workerId),
    );
    for (const child of children) {
      if (!child.isRunning) continue;
      if (lost.includes(child.workerId)) this.onLost(child);
      else if (child.beat?.isDraining) this.retire(child);
    }
  }

  /** Somebody gave it up, for its lease lapsed: it ends itself as soon as it runs again. */
  private onLost(child: RunnerChild): void {
    if (child.lostSinceMs === undefined) {
      child.lostSinceMs = monotonicMs();
      this.options.log.warn({ worker: child.workerId }, 'runner was given up: starting another');
      if (!this.isStopping) this.startRunner({ slots: this.options.slots });
    } else if (monotonicMs() - child.lostSinceMs > lostGraceMs) {
      child.kill();
    }
  }

  /** An attempt in it ignored its deadline: another takes the work, and it ends with its last attempt. */
  private retire(child: RunnerChild): void {
    if (child.lostSinceMs === undefined) {
      child.lostSinceMs = monotonicMs();
      if (!this.isStopping) this.startRunner({ slots: this.options.slots });
    }
    if (child.beat?.attempts.length === 0) child.kill();
  }

  private isOverdueAndBlocked({ beat }: RunnerChild): boolean {
    if (!beat || beat.loopAgeMs < blockedMs) return false;
    const now = monotonicMs();
    return beat.attempts.some((attempt) => now > attempt.deadlineMs + overdueGraceMs);
  }

  private endBlocked(child: RunnerChild): void {
    this.options.log.warn({ worker: child.workerId }, 'runner is blocked past a deadline: ending it');
    void this.takeBack(child, 'blocked', 'a task computed past its deadline').then(() => child.kill());
  }
}
