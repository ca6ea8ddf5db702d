/**
 * The reaper: takes from dead workers the tasks that they were running, and makes the queue agree with the
 * tasks. Every parent has a reaper; only one of them acts at a time, and only where its `Contact` says that
 * it may.
 */
import type { Logger } from 'pino';
import { isConnectionError, isPassingError } from '../../database/error-kinds.ts';
import { OutageLog } from '../../database/outage-log.ts';
import { Counts } from '../../logging/counts.ts';
import { seldom } from '../../logging/seldom.ts';
import { Loop } from '../../scheduling/loop.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { repairEntries } from '../queue/repair.ts';
import type { Store } from '../store.ts';
import { lostWithRunningRows, moveOn } from '../workers/workers.ts';
import { Contact } from './contact.ts';
import { forgetWorkers } from './forget.ts';
import { reapLapsed } from './lapsed.ts';
import { markMissing } from './missing.ts';
import type { RepairKind } from './repairs.ts';

export interface ReaperOptions {
  readonly store: Store;
  readonly leaseSeconds: number;
  readonly log: Logger;
}

const turnMs = 1_000;
const repairMs = 2_000;
/**
 * From one pass over the queue to the next at least so many times the duration of the pass goes by: long
 * passes, as over a million queued tasks, come more seldom.
 */
const restPerPass = 20;
/** How many ids a line of the log names at most. */
const namedIds = 20;

export class Reaper {
  /** The repairs since the start, by kind. */
  readonly repairs = new Counts<RepairKind>();
  private readonly options: ReaperOptions;
  private readonly contact: Contact;
  /** Logs outages: the reaper's turns show whether the database does what this process needs. */
  private readonly outage: OutageLog;
  private readonly loop: Loop;
  private nextRepairMs = 0;

  constructor(options: ReaperOptions) {
    this.options = options;
    this.contact = new Contact({ ...options, turnMs });
    this.outage = new OutageLog(options.log);
    const fail = seldom((error: unknown) => options.log.error({ err: error }, 'reaper turn failed'));
    this.loop = new Loop({
      intervalMs: turnMs,
      run: () => this.turn(),
      onError: (error) => {
        this.contact.break();
        if (isPassingError(error)) this.outage.trouble(error);
        else fail(error);
      },
    });
  }

  start(): void {
    this.contact.break();
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async turn(): Promise<void> {
    const databaseTime = await this.contact.askTime();
    if (this.contact.isLongEnough) {
      await this.takeFromTheDead(databaseTime);
      if (monotonicMs() >= this.nextRepairMs) await this.repairQueue();
    }
    this.outage.answered();
  }

  /** @param databaseTime the time that the database told in its last answer */
  async takeFromTheDead(databaseTime: Date): Promise<void> {
    const { store, log } = this.options;
    this.report('worker_lapsed', await reapLapsed(store, databaseTime));
    this.report('worker_missing', await markMissing(store));
    for (const worker of await lostWithRunningRows(store)) {
      try {
        const moved = await moveOn(store, worker);
        const tasks = moved.map((task) => task.taskId);
        this.report('task_moved_on', tasks);
      } catch (error) {
        // Tasks of one worker that cannot be moved on must not hold up those of the others.
        if (isConnectionError(error)) throw error;
        log.error({ err: error, worker }, 'tasks of a lost worker could not be moved on');
      }
    }
  }

  async repairQueue(): Promise<void> {
    const { store, leaseSeconds, log } = this.options;
    const begunMs = monotonicMs();
    this.report('queue_created', await store.queue.ensureQueues());
    const { requeued, settled, failed, isUnfinished } = await repairEntries(store, leaseSeconds);
    this.report('task_requeued', requeued);
    this.report('entry_settled', settled);
    for (const [queue, error] of failed) log.error({ err: error, queue }, 'queue could not be repaired');
    this.report('worker_forgotten', await forgetWorkers(store));
    const restMs = Math.max(repairMs, restPerPass * (monotonicMs() - begunMs));
    this.nextRepairMs = isUnfinished ? 0 : begunMs + restMs;
  }

  private report(kind: RepairKind, ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.repairs.add(kind, ids.length);
    this.options.log.warn(
      { repair: kind, count: ids.length, ids: ids.slice(0, namedIds) },
      'repaired by the reaper',
    );
  }
}
