/** The world of a scenario: its own PostgreSQL, parents with their runners, and the submitted tasks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { copyDataDir, killServer, signalServer } from '../support/embedded.ts';
import { eventually } from '../support/eventually.ts';
import { createEffectTable } from '../support/service.ts';
import { Parent } from './parent.ts';

export const leaseSeconds = 3;
/** Headway promises that within this time no orphan is shown as running under its dead worker. */
export const orphansShownMs = (leaseSeconds + 5) * 1000;

export interface Worker {
  readonly id: string;
  readonly pid: number;
  /** How many attempts run in the worker. */
  readonly running: number;
}

export interface WorldOptions {
  readonly parents: number;
  readonly slots?: number;
}

export class World implements AsyncDisposable {
  readonly parents: readonly Parent[];
  /** Connections to the server itself, not through a proxy. */
  readonly db: Database;
  private readonly dataDir: Awaited<ReturnType<typeof copyDataDir>>;
  private server: EmbeddedPostgres;

  private constructor(
    dataDir: Awaited<ReturnType<typeof copyDataDir>>,
    server: EmbeddedPostgres,
    parents: readonly Parent[],
    db: Database,
  ) {
    this.dataDir = dataDir;
    this.server = server;
    this.parents = parents;
    this.db = db;
  }

  static async start({ parents, slots = 10 }: WorldOptions): Promise<World> {
    const dataDir = await copyDataDir();
    const server = await startServer(dataDir.path);
    const db = openDatabase(server.url, { name: 'headway chaos' });
    await createEffectTable({ db });
    await createHold(db);
    const options = { databaseUrl: server.url, leaseSeconds, slots };
    const started = await Promise.all(Array.from({ length: parents }, () => Parent.start(options)));
    return new World(dataDir, server, started, db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.parents.map((parent) => parent.stop()));
    await this.db.close();
    await this.server.stop();
    await this.dataDir[Symbol.asyncDispose]();
  }

  /** Runs one statement, and repeats it while the database is away. */
  query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return eventually(async () => (await this.db.pool.query(text, values)).rows as Row[]);
  }

  /** Runners that are presumed alive, those with the most running attempts first. */
  workers(): Promise<Worker[]> {
    return this.query<Worker>(
      `SELECT worker.id, worker.pid, count(task_state.id)::int AS running
       FROM worker LEFT JOIN task_state ON worker_id = worker.id AND status = 'running'
       WHERE lost_at IS NULL
       GROUP BY worker.id
       ORDER BY running DESC, worker.id`,
    );
  }

  /** The parent of a runner. */
  parentOf({ pid }: Worker): Parent {
    const parent = this.parents.find((candidate) => candidate.owns(pid));
    if (!parent) throw new Error(`no parent has started the runner ${pid}`);
    return parent;
  }

  /** Releases the transaction in which the task's first step is held. */
  async release(taskId: string): Promise<void> {
    await this.query('INSERT INTO released VALUES ($1)', [taskId]);
  }

  async killDatabase(downMs: number): Promise<void> {
    await killServer(this.dataDir.path);
    await sleep(downMs);
    this.server = await startServer(this.dataDir.path);
  }

  /** Restarts the database as an administrator does: connections get a message, and are ended. */
  async restartDatabase(downMs: number): Promise<void> {
    await this.server.stop();
    await sleep(downMs);
    this.server = await startServer(this.dataDir.path);
  }

  /** Stops all of the server's processes for a while, as a suspended machine would. */
  async pauseDatabase(ms: number): Promise<void> {
    await signalServer(this.dataDir.path, 'SIGSTOP');
    await sleep(ms);
    await signalServer(this.dataDir.path, 'SIGCONT');
  }

  /** Ends all connections to the database except the one that runs this statement. */
  async cutConnections(): Promise<void> {
    await this.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE pid <> pg_backend_pid() AND datname = current_database()`,
    );
  }
}

function startServer(dataDir: string): Promise<EmbeddedPostgres> {
  // No fsync: processes are killed, not the machine, so the data need not reach a disk.
  const settings = { fsync: 'off', max_connections: '200' };
  return startEmbeddedPostgres({ dataDir, log: () => undefined, settings });
}

/** Holds a task's transaction open by a running statement, so that no limit on idle transactions ends it. */
async function createHold({ pool }: Database): Promise<void> {
  await pool.query('CREATE TABLE released (task_id uuid)');
  await pool.query(`
    CREATE FUNCTION hold_until_released(task uuid) RETURNS void LANGUAGE plpgsql AS
      'BEGIN
         WHILE NOT EXISTS (SELECT FROM released WHERE task_id = task) LOOP PERFORM pg_sleep(0.05); END LOOP;
       END'`);
}
