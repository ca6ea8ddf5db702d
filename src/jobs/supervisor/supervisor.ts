/** The part of the parent that starts, watches and replaces runners. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counts } from '../../logging/counts.ts';
import { seldom } from '../../logging/seldom.ts';
import { Loop } from '../../scheduling/loop.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { newId } from '../../tasks/model/ids.ts';
import type { Store } from '../../tasks/store.ts';
import { giveUp, ignoringCancel, type LostReason, lostAmong } from '../../tasks/workers/workers.ts';
import { overdueGraceMs } from '../attempt/overdue-grace.ts';
import { persist } from '../attempt/persist.ts';
import type { JobRegistry } from '../registry.ts';
import { queuesFor, type RunnerKind, runnerKinds } from '../runner/queues.ts';
import { planCrew, standsStill } from './crew.ts';
import { describeExit, type RunnerEnd, type RunnerExit } from './exit.ts';
import { type OverdueOptions, overdueIn } from './overdue.ts';
import { longestDelayMs, RestartDelay } from './restart-delay.ts';
import { RunnerChild } from './runner-child.ts';

export interface SupervisorOptions {
  readonly store: Store;
  readonly registry: JobRegistry;
  readonly runners: number;
  readonly slots: number;
  readonly leaseSeconds: number;
  readonly jobFolders: readonly string[];
  readonly logLevel: string;
  readonly log: Logger;
}

const watchMs = 500;
/** How long a runner may take to hand its work back, counted from the end of its grace period. */
const handBackMs = 1_500;
/** How long a stop waits until the tasks of its runners are back in the queue. */
const takeBackMs = 1_000;
/**
 * A runner that was given up ends itself when it notices. After this long it cannot notice, and is killed.
 */
const lostGraceMs = 60_000;
/** A free runner takes a due task within this time; a task that is due for longer needs another runner. */
const waitingMs = 300;

export class Supervisor {
  /** How many runners have ended since the start, by kind of end. */
  readonly exits = new Counts<RunnerEnd>();
  private readonly options: SupervisorOptions;
  private readonly children = new Set<RunnerChild>();
  private readonly sayHeldUp: () => void;
  private readonly endings = new Set<Promise<unknown>>();
  private readonly watcher: Loop;
  private readonly queues: Readonly<Record<RunnerKind, readonly string[]>>;
  /** Claims that were handed back by runners that have ended. */
  private handedBackBefore = 0;
  private isStopping = false;
  private readonly restarts: Readonly<Record<RunnerKind, RestartDelay>> = {
    shared: new RestartDelay(),
    solo: new RestartDelay(),
  };
  private lastStillMs = Number.NEGATIVE_INFINITY;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.sayHeldUp = seldom(() =>
      options.log.warn(
        'tasks wait: too many runners hold a job that ignores its deadline, and wait for their other jobs to end',
      ),
    );
    this.queues = {
      shared: queuesFor('shared', options.registry),
      solo: queuesFor('solo', options.registry),
    };
    this.watcher = new Loop({
      intervalMs: watchMs,
      run: () => this.watch(),
      // The next turn asks again. Until then the reaper does what must be done.
      onError: () => undefined,
    });
  }

  /** How many runners of a kind there are, and how many attempts run in them. */
  census(kind: RunnerKind): { runners: number; attempts: number } {
    const children = [...this.children].filter((child) => child.kind === kind);
    const attempts = children.reduce((sum, { beat }) => sum + (beat?.attempts.length ?? 0), 0);
    return { runners: children.length, attempts };
  }

  /** How many claims runners have handed back since the start, because the answer to the claim was lost. */
  get handedBackClaims(): number {
    return [...this.children].reduce((sum, child) => sum + child.handedBackClaims, this.handedBackBefore);
  }

  /** Resolves when the first runners take tasks. */
  async start(): Promise<void> {
    if (this.options.runners === 0) return;
    this.fillUp(new Set());
    this.watcher.start();
    await Promise.all([...this.children].map((child) => child.ready));
  }

  /**
   * Asks all runners to stop, and gives up those that have not handed back their tasks in time. Resolves when
   * all runners are gone and their tasks are back in the queue, or cannot be brought back now.
   */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    for (const child of this.children) {
      if (child.isReady) child.stop(graceMs);
      // A runner that still starts may never read the message. The few tasks that it may have are taken back.
      else child.kill();
    }
    const timers = [
      // A runner whose loop is blocked cannot read the message.
      setTimeout(() => this.killBlocked(), graceMs),
      setTimeout(() => this.killAll(), graceMs + handBackMs),
    ];
    await Promise.all([...this.children].map((child) => child.exited));
    for (const timer of timers) clearTimeout(timer);
    // Without the database no task can be taken back; the leases lapse, and the reaper of any parent does it.
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
    for (const child of this.children) if (child.isBlocked) child.kill();
  }

  /** Starts the runners that are missing, and retires those that are not needed. */
  private fillUp(waiting: ReadonlySet<RunnerKind>): void {
    if (this.isStopping) return;
    const calmMs = monotonicMs() - this.lastStillMs;
    const { start, retire, isHeldUp } = planCrew([...this.children], {
      runners: this.options.runners,
      waiting,
      calmMs,
    });
    for (const child of retire) child.retire();
    if (isHeldUp) this.sayHeldUp();
    for (const kind of start) {
      if (this.restarts[kind].isOver)
        this.startRunner({ kind, slots: kind === 'solo' ? 1 : this.options.slots });
    }
  }

  private startRunner({ kind, slots }: { kind: RunnerKind; slots: number }): void {
    const { store, leaseSeconds, jobFolders, logLevel, log } = this.options;
    const child = new RunnerChild({
      workerId: newId(),
      databaseUrl: store.db.url,
      kind,
      slots,
      leaseSeconds,
      retentionDays: store.retentionDays,
      jobFolders: [...jobFolders],
      logLevel,
    });
    this.children.add(child);
    log.info({ worker: child.workerId, runnerPid: child.pid, kind }, 'runner started');
    const ending = child.exited.then((exit) => this.onExit(child, exit));
    this.endings.add(ending);
    void ending.finally(() => this.endings.delete(ending));
  }

  private async onExit(child: RunnerChild, exit: RunnerExit): Promise<void> {
    const { log } = this.options;
    this.children.delete(child);
    const how = describeExit(exit);
    const isWanted = this.isStopping || child.isRetired;
    const end = isWanted ? 'wanted' : child.lostSinceMs === undefined ? 'died' : 'given_up';
    this.handedBackBefore += child.handedBackClaims;
    this.exits.add(end);
    if (end === 'died') this.delayRestart(child, exit, how);
    this.fillUp(new Set());
    const reason = this.isStopping ? 'handed_back' : child.isRetired ? 'stopped' : 'exited';
    const moved = await this.takeBack(child, reason, how);
    // A runner that had tasks died of them, not of its start: replace it at once. The tries of the tasks are
    // the limit.
    if (end === 'died' && moved > 0) this.restarts[child.kind].forget(() => this.fillUp(new Set()));
    const level = isWanted || exit.code === 0 ? 'info' : 'warn';
    log[level]({ worker: child.workerId, how, tasks: moved }, 'runner ended');
  }

  /** Delays the next start, unless SIGKILL ended the runner, which says nothing about the next start. */
  private delayRestart(child: RunnerChild, { signal }: RunnerExit, how: string): void {
    const livedMs = child.isReady ? (signal === 'SIGKILL' ? Number.POSITIVE_INFINITY : child.ageMs) : 0;
    const delayMs = this.restarts[child.kind].died(livedMs, () => this.fillUp(new Set()));
    if (delayMs < longestDelayMs) return;
    const details = { kind: child.kind, how, nextInSeconds: delayMs / 1000 };
    this.options.log.error(details, 'runners do not stay alive: their tasks wait');
  }

  /**
   * Gives the runner up.
   * @returns how many of its tasks moved on; those that cannot be taken back now are left to the reaper
   */
  private async takeBack(
    child: RunnerChild,
    reason: LostReason,
    detail: string,
    overdueIds: readonly string[] = [],
  ): Promise<number> {
    const { store, log } = this.options;
    let isTold = false;
    const onTrouble = (error: unknown) => {
      if (!isTold)
        log.warn({ err: error, worker: child.workerId }, 'cannot give the runner up yet; trying again');
      isTold = true;
    };
    try {
      const moved = await persist(
        () => giveUp(store, child.workerId, reason, detail, overdueIds),
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
    const { store, leaseSeconds } = this.options;
    const children = [...this.children];
    const blocked = children.filter((child) => child.isBlocked);
    const graceMs = overdueGraceMs(leaseSeconds * 1000);
    const [lost, ignoring, waiting] = await Promise.all([
      lostAmong(store, idsOf(children)),
      blocked.length > 0 ? ignoringCancel(store, idsOf(blocked), graceMs) : [],
      this.askWaiting(children),
    ]);
    for (const child of children) {
      if (!child.isRunning) continue;
      if (lost.includes(child.workerId)) this.onLost(child);
      else if (child.beat?.state === 'drained') this.endDrained(child);
      else this.endOverdue(child, { ignoring, graceMs });
    }
    if (standsStill(children)) this.lastStillMs = monotonicMs();
    this.fillUp(new Set(waiting));
  }

  /**
   * For which kinds of runner work waits. Shared queues are asked about only while a shared runner stands
   * still.
   */
  private async askWaiting(children: readonly RunnerChild[]): Promise<RunnerKind[]> {
    const { shared, solo } = this.queues;
    const queues = standsStill(children) ? [...shared, ...solo] : solo;
    // Without a free runner, work that is due counts as waiting at once.
    const isOneFree = children.some((child) => child.isTaking && !child.isBusy);
    const due = await this.options.store.queue.due(queues, { forMs: isOneFree ? waitingMs : 0 });
    return runnerKinds.filter((kind) => this.queues[kind].some((queue) => due.includes(queue)));
  }

  /**
   * A reaper gave the runner up because its lease had lapsed. The runner ends itself when it notices, or is
   * killed.
   */
  private onLost(child: RunnerChild): void {
    if (child.lostSinceMs === undefined) {
      child.lostSinceMs = monotonicMs();
      this.options.log.warn({ worker: child.workerId }, 'runner was given up: starting another');
    } else if (monotonicMs() - child.lostSinceMs > lostGraceMs) {
      child.kill();
    }
  }

  /**
   * Kills a runner without attempts: at most code that ignored its deadline, and whose attempt has ended,
   * still runs.
   */
  private endDrained(child: RunnerChild): void {
    child.isRetired = true;
    child.kill();
  }

  private endOverdue(child: RunnerChild, options: OverdueOptions): void {
    const overdueIds = overdueIn(child, options);
    if (overdueIds === undefined) return;
    child.lostSinceMs = monotonicMs();
    this.options.log.warn({ worker: child.workerId }, 'runner is blocked past a deadline: ending it');
    void this.takeBack(child, 'blocked', 'a task blocked it past its deadline', overdueIds).then(() =>
      child.kill(),
    );
  }
}

function idsOf(children: readonly RunnerChild[]): string[] {
  return children.map((child) => child.workerId);
}
