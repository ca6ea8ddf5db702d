/**
 * The queue: what wakes a runner, and nothing more. `task_state` decides; a queue entry lives exactly
 * as long as its task is queued. pg-boss's own retries, expiry and heartbeats are off, so that there
 * is one authority.
 */

import type pg from 'pg';
import { type ConstructorOptions, type Db, PgBoss } from 'pg-boss';
import { type Connection, type Database, inTransaction, openPool } from '../../database/database.ts';

import { type LockOptions, throughLocks } from '../../database/migrations/locks.ts';
import { channels } from '../../database/names.ts';
import { bossSchema, bossTables, isMissingQueue, waitsInQueueSql } from './boss.ts';
import { queueOf, soloQueue, typeOfQueue } from './names.ts';

export interface Entry {
  /** The pg-boss job's id: `task_state.entry_id`. */
  readonly id: string;
  readonly taskId: string;
  readonly type: string;
  /** Of its task: see `queueOf`. */
  readonly losses: number;
  /** Absent: now. */
  readonly startAfter?: Date | undefined;
}

/** Claims under way at a time in one process. */
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
  /** What pg-boss works on: the pool, and while it installs or migrates its schema a connection that waits for no lock for long. */
  private bossDb: Db;
  /** Those that this process has code for, in a parent. */
  private types: readonly string[] = [];
  /** By the connection of a transaction, the types of the entries that it has sent. */
  private readonly sentTypes = new WeakMap<Connection, Set<string>>();
  /** Apart, so that nothing holds up claims. */
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
   * For a parent: installs or migrates pg-boss's schema and lets it delete its settled entries. Where others hold
   * the locks that this takes, it says so and tries again.
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

  /** For a runner: the parent has installed everything. */
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
   * Runs `work`, which sends entries, in a transaction, and once more where one of their queues was deleted by hand
   * and has been made again: a task must not fail for that.
   */
  async inTransaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const types = new Set<string>();
    const noting = (connection: Connection) => {
      this.sentTypes.set(connection, types);
      return work(connection);
    };
    try {
      return await inTransaction(this.db.pool, noting);
    } catch (error) {
      if (!isMissingQueue(error)) throw error;
      await this.ensureQueues([...types]);
      return inTransaction(this.db.pool, work);
    }
  }

  /**
   * Puts entries into their queues and wakes the runners, in the caller's transaction: one of `inTransaction`, or
   * after `ensureQueues`.
   * @throws {Error} where pg-boss did not take an entry: it ignores an id that it has already
   */
  async send(entries: readonly Entry[], connection: Connection): Promise<void> {
    for (const [queue, group] of Map.groupBy(entries, queueOf)) {
      this.sentTypes.get(connection)?.add(typeOfQueue(queue));
      const jobs = group.map(({ id, taskId, startAfter }) => ({
        id,
        data: { taskId },
        ...(startAfter && { startAfter }),
      }));
      const ids = await this.boss.insert(queue, jobs, { db: asBossDb(connection), returnId: true });
      if (ids?.length !== jobs.length)
        throw new Error(`The queue "${queue}" did not take ${jobs.length} entries`);
      if (group.some((entry) => entry.startAfter === undefined)) {
        await connection.query({ text: 'SELECT pg_notify($1, $2)', values: [channels.work, queue] });
      }
    }
  }

  /** Settles an entry, in the caller's transaction. */
  async withdraw(entry: { id: string; type: string; losses: number }, connection: Connection): Promise<void> {
    await this.withdrawAll(queueOf(entry), [entry.id], connection);
  }

  /** Settles entries that wait, or were fetched by somebody who is gone, in the caller's transaction. */
  async withdrawAll(queue: string, entryIds: readonly string[], connection: Connection): Promise<void> {
    await this.boss.cancel(queue, [...entryIds], { db: asBossDb(connection) }).catch((error: unknown) => {
      // Its entries went with it.
      if (!isMissingQueue(error)) throw error;
    });
  }

  /**
   * Which of these queues have an entry that is due: one statement for all, by pg-boss's fetch index.
   * @param forMs only entries that have been due for so long, as those that others are about to take are not
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
   * Makes the queues of these types (by default, of all that there is code for) that do not exist: at the
   * start, and after somebody has deleted one.
   * @returns their names
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
 * pg-boss would wait for 30 s for each lock, and everybody who comes after behind it: here the connection's own limit
 * holds. What it does meanwhile beside its start waits for its turn.
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
