/**
 * The queue: it only wakes runners. `task_state` decides what runs, and a queue entry lives exactly as long
 * as its task is queued. pg-boss's own retries, expiry and heartbeats are off, so that nothing else decides.
 */

import type pg from 'pg';
import { type ConstructorOptions, type Db, PgBoss } from 'pg-boss';
import { type Connection, type Database, inTransaction, openPool } from '../../database/database.ts';

import { type LockOptions, throughLocks } from '../../database/migrations/locks.ts';
import { bossSchema, bossTables, isMissingQueue, waitsInQueueSql } from './boss.ts';
import { sendEntriesSql } from './entries.ts';
import { queueOf, soloQueue } from './names.ts';

export interface Entry {
  /** The pg-boss job's id: `task_state.entry_id`. */
  readonly id: string;
  readonly taskId: string;
  readonly type: string;
  /** The losses of its task, which decide the queue: see `queueOf`. */
  readonly losses: number;
  /** When the entry is due (default: now). */
  readonly startAfter?: Date | undefined;
}

/** How many claims of one process may be under way at a time. */
export const maxClaims = 2;

const yearSeconds = 365 * 24 * 3600;

const queueOptions = {
  retryLimit: 0,
  expireInSeconds: 24 * 3600 - 1,
  retentionSeconds: 10 * yearSeconds,
  deleteAfterSeconds: 300,
} as const;

export class TaskQueue {
  private readonly db: Database;
  private readonly boss: PgBoss;
  /**
   * Runs pg-boss's statements: usually the pool, but a connection with a short lock limit while pg-boss
   * installs its schema.
   */
  private bossDb: Db;
  /** In a parent, the types that this process has code for; in a runner, none. */
  private types: readonly string[] = [];
  /** For the connection of each transaction, the types of the entries that it has sent. */
  private readonly sentTypes = new WeakMap<Connection, Set<string>>();
  /** A pool for claims alone, so that no other query holds them up. */
  readonly claimPool: pg.Pool;

  private constructor(db: Database, options: Partial<ConstructorOptions>, onError: (error: Error) => void) {
    this.db = db;
    this.claimPool = openPool(db.url, { name: 'headway claim', connections: maxClaims });
    this.bossDb = asBossDb(db.pool);
    const bossDb: Db = { executeSql: (text, values) => this.bossDb.executeSql(text, values) };
    this.boss = new PgBoss({
      db: bossDb,
      schema: bossSchema,
      schedule: false,
      registerInstance: false,
      ...options,
    });
    this.boss.on('error', onError);
  }

  /**
   * Opens the queue for a parent: installs or migrates pg-boss's schema, and lets pg-boss delete settled
   * entries. If others hold the locks that this needs, it reports so and tries again.
   */
  static async openAndMaintain(
    db: Database,
    types: readonly string[],
    onError: (error: Error) => void,
    locks: LockOptions = {},
  ) {
    const queue = new TaskQueue(db, { migrate: true, supervise: true }, onError);
    queue.types = types;
    try {
      await throughLocks(
        db.url,
        "The migration of pg-boss's schema",
        (client) => queue.install(client),
        locks,
      );
      return queue;
    } catch (error) {
      await queue.close();
      throw error;
    }
  }

  private async install(client: pg.Client): Promise<void> {
    this.bossDb = asInstallingDb(client);
    try {
      await this.boss.start();
      await this.ensureQueues();
    } finally {
      this.bossDb = asBossDb(this.db.pool);
    }
  }

  /** Opens the queue for a runner, whose parent has already installed everything. */
  static async open(db: Database, onError: (error: Error) => void) {
    const queue = new TaskQueue(db, { migrate: false, supervise: false }, onError);
    try {
      await queue.boss.start();
    } catch (error) {
      await queue.close();
      throw error;
    }
    return queue;
  }

  async close(): Promise<void> {
    await this.boss.stop({ graceful: false, close: false });
    await this.claimPool.end();
  }

  /**
   * Runs `work`, which sends entries, in a transaction; once more where one of their queues was missing.
   * @param types those of the entries that `work` sends by statements of its own, not by `send`
   */
  inTransaction<T>(work: (connection: Connection) => Promise<T>, types: Iterable<string> = []): Promise<T> {
    const sent = new Set(types);
    return this.withQueues(sent, () =>
      inTransaction(this.db.pool, (connection) => {
        this.sentTypes.set(connection, sent);
        return work(connection);
      }),
    );
  }

  /**
   * Runs `work`, which sends entries of these types, or nothing at all. Where somebody has deleted one of their
   * queues by hand, creates the queue again and runs `work` once more: a task must not fail because its queue is
   * missing.
   */
  async withQueues<T>(types: Iterable<string>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isMissingQueue(error)) throw error;
      await this.ensureQueues([...new Set(types)]);
      return work();
    }
  }

  /**
   * Puts entries into their queues and wakes the runners, in the caller's transaction. The caller uses
   * `inTransaction`, or has called `ensureQueues` before.
   */
  async send(entries: readonly Entry[], connection: Connection): Promise<void> {
    if (entries.length === 0) return;
    for (const { type } of entries) this.sentTypes.get(connection)?.add(type);
    await connection.query({
      name: 'send-entries',
      text: sendEntriesSql,
      values: [
        entries.map(({ id }) => id),
        entries.map(({ taskId }) => taskId),
        entries.map(queueOf),
        entries.map(({ startAfter }) => startAfter ?? null),
      ],
    });
  }

  /** Settles an entry, in the caller's transaction. */
  async withdraw(entry: { id: string; type: string; losses: number }, connection: Connection): Promise<void> {
    await this.withdrawAll(queueOf(entry), [entry.id], connection);
  }

  /** Settles entries that wait, or were fetched by somebody who is gone, in the caller's transaction. */
  async withdrawAll(queue: string, entryIds: readonly string[], connection: Connection): Promise<void> {
    await this.boss.cancel(queue, [...entryIds], { db: asBossDb(connection) }).catch((error: unknown) => {
      // The queue was deleted, and its entries with it.
      if (!isMissingQueue(error)) throw error;
    });
  }

  /**
   * Which of these queues have an entry that is due: one statement for all, by pg-boss's fetch index.
   * @param forMs counts only entries that have been due for at least this long: other runners are about to
   *   take newer ones
   */
  async due(queues: readonly string[], { forMs = 0 } = {}): Promise<string[]> {
    const { rows } = await this.db.pool.query<{ queue: string }>({
      name: 'queues-due',
      text: `SELECT queue FROM unnest($1::text[]) AS queue
             WHERE EXISTS (SELECT FROM ${bossTables.job}
                           WHERE name = queue AND ${waitsInQueueSql}
                             AND start_after <= now() - make_interval(secs => $2::float8 / 1000))`,
      values: [queues, forMs],
    });
    return rows.map((row) => row.queue);
  }

  /**
   * Creates those queues of these types (by default, of all types that there is code for) that do not exist:
   * at the start, and after somebody has deleted a queue.
   * @returns the names of the queues that it created
   */
  async ensureQueues(types = this.types): Promise<string[]> {
    const queues = types.flatMap((type) => [type, soloQueue(type)]);
    const existing = new Set((await this.boss.getQueues(queues)).map((queue) => queue.name));
    const missing = queues.filter((queue) => !existing.has(queue));
    for (const queue of missing) await this.boss.createQueue(queue, queueOptions);
    return missing;
  }
}

/**
 * Runs pg-boss's statements during its installation. pg-boss would wait up to 30 s for each lock, and
 * everybody else would queue behind it; its limit is removed, so that the shorter one of the connection
 * applies. Other statements that pg-boss sends in the meantime wait for their turn.
 */
function asInstallingDb(client: pg.Client): Db {
  let turn: Promise<unknown> = Promise.resolve();
  const ownLimit = /SET LOCAL lock_timeout = \d+;/g;
  return {
    executeSql(text, values) {
      const answer = turn.then(() => client.query(text.replace(ownLimit, ''), values));
      turn = answer.catch(() => undefined);
      return answer;
    },
  };
}

function asBossDb(connection: { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> }): Db {
  return { executeSql: (text, values) => connection.query(text, values) };
}
