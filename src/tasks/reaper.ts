/**
 * The reaper: finds workers whose lease has lapsed and takes their work from them; gives queued tasks
 * that nothing waits for a new entry. It runs in every parent, one at a time.
 *
 * An outage must not look like death. So a process reaps only after some seconds of unbroken contact
 * with the database, and the statement that reaps carries the database time of the last answer: one
 * that was stuck in a frozen server does nothing when it wakes.
 */
import type { Logger } from 'pino';
import { inTransaction } from '../database/database.ts';
import { Loop } from '../loop.ts';
import { monotonicMs } from '../monotonic.ts';
import { queueSql } from './queue.ts';
import type { Store } from './store.ts';
import { lostWithRunningRows, moveOn } from './workers.ts';

export interface ReaperOptions {
  readonly store: Store;
  readonly leaseSeconds: number;
  readonly log: Logger;
}

/** Slower than this, an answer counts as none, and a pause of the loop as an outage. */
const answerLimitMs = 2_000;
const turnMs = 1_000;
/** Of a lease of 15 s: the contact in seconds that is needed before reaping. */
const contactPerLease = 7 / 15;
/** Any two numbers, the same in every process: the advisory lock of the reaper's turn. */
const reaperLock = [1_212_503, 1];
const repairEveryTurns = 5;

export class Reaper {
  private readonly options: ReaperOptions;
  private readonly loop: Loop;
  private contactSinceMs = monotonicMs();
  private lastAnswerMs = monotonicMs();
  private lastDatabaseMs = Number.POSITIVE_INFINITY;
  private turns = 0;

  constructor(options: ReaperOptions) {
    this.options = options;
    this.loop = new Loop({
      intervalMs: turnMs,
      run: () => this.turn(),
      onError: (error) => {
        this.breakContact();
        options.log.debug({ err: error }, 'reaper turn failed');
      },
    });
  }

  start(): void {
    this.breakContact();
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private breakContact(): void {
    this.contactSinceMs = monotonicMs();
    this.lastAnswerMs = monotonicMs();
  }

  private async turn(): Promise<void> {
    const { store, leaseSeconds, log } = this.options;
    const databaseTime = await this.askTime();
    if (monotonicMs() - this.contactSinceMs < leaseSeconds * 1000 * contactPerLease) return;

    for (const worker of await reapLapsed(store, databaseTime)) {
      log.warn({ worker }, 'lease lapsed: worker given up');
    }
    for (const worker of await lostWithRunningRows(store)) {
      const moved = await moveOn(store, worker);
      log.info({ worker, tasks: moved.map((task) => task.taskId) }, 'tasks of a lost worker moved on');
    }
    this.turns += 1;
    if (this.turns % repairEveryTurns !== 0) return;
    const requeued = await requeueStranded(store, leaseSeconds);
    if (requeued.length > 0) log.warn({ tasks: requeued }, 'queued tasks without an entry were queued again');
  }

  /** The database's clock, and whether contact with it has been unbroken. */
  private async askTime(): Promise<Date> {
    const askedMs = monotonicMs();
    // A gap in this process's own loop: it may have slept through anything.
    const wasAsleep = askedMs - this.lastAnswerMs > turnMs + answerLimitMs;
    const { rows } = await this.options.store.db.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    const isLate = monotonicMs() - askedMs > answerLimitMs;
    if (!rows[0]) throw new Error('The database did not tell its time');
    const { now } = rows[0];
    // The database's clock went on without ours: it was set, or the machine was suspended. Leases are in its time.
    const elapsedMs = monotonicMs() - this.lastAnswerMs;
    const hasJumped = now.getTime() - this.lastDatabaseMs > elapsedMs + answerLimitMs;
    if (wasAsleep || isLate || hasJumped) this.breakContact();
    this.lastAnswerMs = monotonicMs();
    this.lastDatabaseMs = now.getTime();
    return now;
  }
}

/**
 * Marks workers lost whose lease has lapsed, unless the statement comes later than 2 s after
 * `databaseTime`: then it was stuck, and so perhaps were the renewals.
 */
export function reapLapsed(store: Store, databaseTime: Date): Promise<string[]> {
  return inTransaction(store.db.pool, async (connection) => {
    const turn = await connection.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_xact_lock($1, $2) AS mine',
      reaperLock,
    );
    if (!turn.rows[0]?.mine) return [];
    // Locked first, counted in a statement of its own. A worker whose claim is under way is left to the next turn.
    const lapsed = await connection.query<{ id: string }>(
      `SELECT id FROM worker
       WHERE lost_at IS NULL AND lease_expires_at < clock_timestamp() AND clock_timestamp() <= $1::timestamptz + interval '2 seconds'
       FOR NO KEY UPDATE SKIP LOCKED`,
      [databaseTime],
    );
    if (lapsed.rows.length === 0) return [];
    const { rows } = await connection.query<{ id: string }>(
      `UPDATE worker
       SET lost_at = now(), lost_reason = 'lease_lapsed: it was not heard from',
           lost_with = (SELECT count(*) FROM task_state WHERE worker_id = worker.id AND status = 'running')
       WHERE id = ANY ($1::uuid[]) AND lost_at IS NULL AND lease_expires_at < clock_timestamp()
         AND clock_timestamp() <= $2::timestamptz + interval '2 seconds'
       RETURNING id`,
      [lapsed.rows.map((worker) => worker.id), databaseTime],
    );
    return rows.map((worker) => worker.id);
  });
}

/**
 * Gives queued tasks a new entry whose own does not wait (fetched by a runner that died before its
 * claim, or deleted): no try is spent. Those changed, or whose entry was fetched, within the last
 * lease are left alone: they may be on their way.
 */
export function requeueStranded(store: Store, leaseSeconds: number): Promise<string[]> {
  return inTransaction(store.db.pool, async (connection) => {
    const { rows } = await connection.query<{
      taskId: string;
      type: string;
      losses: number;
      entryId: string;
      startAfter: Date | null;
    }>(
      `WITH stranded AS MATERIALIZED (
         SELECT task.id FROM task_state AS task
         LEFT JOIN pgboss.job ON job.id = task.entry_id AND job.name = ${queueSql('task')}
           AND (job.state < 'active'
                OR (job.state = 'active' AND job.started_on > now() - make_interval(secs => $1)))
         WHERE task.status = 'queued' AND task.report_token_hash IS NULL AND job.id IS NULL
           AND task.updated_at < now() - make_interval(secs => $1)
         LIMIT 100
         FOR NO KEY UPDATE OF task SKIP LOCKED
       ), requeued AS (
         UPDATE task_state AS task SET entry_id = gen_random_uuid(), version = version + 1, updated_at = now()
         FROM stranded WHERE task.id = stranded.id AND task.status = 'queued'
         RETURNING task.id, task.type, task.losses, task.attempt, task.entry_id, task.next_attempt_at
       ), told AS (
         INSERT INTO task_event (task_id, attempt, kind) SELECT id, attempt, 'requeued' FROM requeued
       )
       SELECT id AS "taskId", type, losses, entry_id AS "entryId", next_attempt_at AS "startAfter" FROM requeued`,
      [leaseSeconds],
    );
    const entries = rows.map(({ entryId, taskId, type, losses, startAfter }) => ({
      id: entryId,
      taskId,
      type,
      losses,
      startAfter: startAfter ?? undefined,
    }));
    await store.queue.send(entries, connection);
    return rows.map((row) => row.taskId);
  });
}
