/**
 * The queue: it only wakes runners. `task_state` decides what runs, and a queue entry lives exactly as long
 * as its task is queued. pg-boss's own retries, expiry and heartbeats are off, so that nothing else decides.
 */
import type pg from 'pg';
import type { ConstructorOptions, Db, PgBoss } from 'pg-boss';
import { type Connection, type Database, inTransaction, openPool } from '../../database/database.ts';
import { codeOf } from '../../database/error-text.ts';
import { type LockOptions, throughLocks } from '../../database/migrations/locks.ts';
import { bossSchema, bossTables, isMissingQueue, readyBossSql, waitsInQueueSql } from './boss.ts';
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
  private readonly options: Partial<ConstructorOptions>;
  private readonly onError: (error: Error) => void;
  private starting: Promise<PgBoss> | undefined;
  private boss: PgBoss | undefined;
  private isClosed = false;
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
    this.options = options;
    this.onError = onError;
    this.claimPool = openPool(db.url, { name: 'headway claim', connections: maxClaims });
    this.bossDb = asBossDb(db.pool);
  }

  /** The queue of a parent. It can be used after `install`. */
  static forParent(db: Database, types: readonly string[], onError: (error: Error) => void): TaskQueue {
    const queue = new TaskQueue(db, { migrate: true, supervise: true }, onError);
    queue.types = types;
    return queue;
  }

  /** Opens the queue for a parent: `forParent`, `install` and `maintain` in one. */
  static async openAndMaintain(
    db: Database,
    types: readonly string[],
    onError: (error: Error) => void,
    locks: LockOptions = {},
  ): Promise<TaskQueue> {
    const queue = TaskQueue.forParent(db, types, onError);
    try {
      await queue.install(locks);
      await queue.started();
      return queue;
    } catch (error) {
      await queue.close();
      throw error;
    }
  }

  /**
   * Installs or migrates pg-boss's schema, and creates the queues that are missing. If others hold the locks
   * that this needs, it reports so and tries again. In a database that lacks nothing, pg-boss is not even loaded.
   */
  async install(locks: LockOptions = {}): Promise<void> {
    const what = "The migration of pg-boss's schema";
    await throughLocks(this.db.url, what, (client) => this.installBy(client), locks);
  }

  private async installBy(client: pg.Client): Promise<void> {
    if (await this.isInstalled(client)) return;
    this.bossDb = asInstallingDb(client);
    try {
      await this.started();
      await this.ensureQueues();
    } finally {
      this.bossDb = asBossDb(this.db.pool);
    }
  }

  private async isInstalled(client: pg.Client): Promise<boolean> {
    const undefinedTable = '42P01';
    try {
      const { rows } = await client.query<{ ready: boolean }>(readyBossSql, [queuesOf(this.types)]);
      return rows[0]?.ready ?? false;
    } catch (error) {
      if (codeOf(error) === undefinedTable) return false;
      throw error;
    }
  }

  /** From now on pg-boss deletes settled entries. Where it cannot start, whoever needs it next starts it. */
  maintain(): void {
    this.started().catch((error) => {
      if (!this.isClosed) this.onError(error);
    });
  }

  /** Opens the queue for a runner, whose parent has already installed everything. */
  static async open(db: Database, onError: (error: Error) => void): Promise<TaskQueue> {
    const queue = new TaskQueue(db, { migrate: false, supervise: false }, onError);
    try {
      await queue.started();
    } catch (error) {
      await queue.close();
      throw error;
    }
    return queue;
  }

  /** pg-boss, which is loaded and started when it is first needed. */
  private started(): Promise<PgBoss> {
    this.starting ??= this.startBoss().catch((error: unknown) => {
      this.starting = undefined;
      throw error;
    });
    return this.starting;
  }

  private async startBoss(): Promise<PgBoss> {
    const { PgBoss } = await import('pg-boss');
    if (this.isClosed) throw new Error('The queue is closed');
    const bossDb: Db = { executeSql: (text, values) => this.bossDb.executeSql(text, values) };
    const boss = new PgBoss({
      db: bossDb,
      schema: bossSchema,
      schedule: false,
      registerInstance: false,
      ...this.options,
    });
    boss.on('error', this.onError);
    try {
      await boss.start();
    } catch (error) {
      await stop(boss);
      throw error;
    }
    if (this.isClosed) await stop(boss);
    this.boss = boss;
    return boss;
  }

  /** Does not wait for a start of pg-boss that is under way, which a database that hangs may hold up. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.boss) await stop(this.boss);
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
    const boss = await this.started();
    await boss.cancel(queue, [...entryIds], { db: asBossDb(connection) }).catch((error: unknown) => {
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
    const boss = await this.started();
    const queues = queuesOf(types);
    const existing = new Set((await boss.getQueues(queues)).map((queue) => queue.name));
    const missing = queues.filter((queue) => !existing.has(queue));
    for (const queue of missing) await boss.createQueue(queue, queueOptions);
    return missing;
  }
}

function stop(boss: PgBoss): Promise<void> {
  return boss.stop({ graceful: false, close: false });
}

function queuesOf(types: readonly string[]): string[] {
  return types.flatMap((type) => [type, soloQueue(type)]);
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
