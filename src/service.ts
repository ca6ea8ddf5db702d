/** Builds the parts of a parent process, starts them in order and stops them in the opposite one. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './api/app.ts';
import { Reading } from './api/reading/reading.ts';
import type { Config } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './database/embedded/postgres.ts';
import { migrate } from './database/migrate.ts';
import { loadRegistry, ownJobsFolder, resultLinkOf, retentionDaysByType } from './jobs/registry.ts';
import { Supervisor } from './jobs/supervisor.ts';
import { Sweeper } from './sweeper.ts';
import { TaskQueue } from './tasks/queue.ts';
import { Reaper } from './tasks/reaper/reaper.ts';

/** pg-boss says the same of an outage many times a second. */
const troubleLogMs = 10_000;

export class Service {
  /** Where it listens: `http://host:port`. */
  readonly url: string;
  private readonly parts: Parts;
  private stopping: Promise<void> | undefined;

  private constructor(url: string, parts: Parts) {
    this.url = url;
    this.parts = parts;
  }

  /**
   * Starts everything and resolves when a task that is submitted is run.
   * @throws {EmbeddedPostgresError | DatabaseSetupError | JobFileError | Error} what keeps it from starting
   */
  static async start(config: Config, log: Logger): Promise<Service> {
    const started: (() => Promise<void>)[] = [];
    try {
      const postgres = config.databaseUrl === undefined ? await startPostgres(config, log) : undefined;
      if (postgres) started.push(() => postgres.stop());
      const databaseUrl = postgres?.url ?? config.databaseUrl ?? '';
      const jobFolders = [ownJobsFolder, ...(config.jobsDir === undefined ? [] : [config.jobsDir])];
      const [registry, { applied }] = await Promise.all([loadRegistry(jobFolders), migrate(databaseUrl)]);
      if (applied.length > 0) log.info({ applied }, 'database migrated');

      const db = openDatabase(databaseUrl, { name: 'headway' });
      started.push(() => db.close());
      const queue = await TaskQueue.openAndMaintain(db, registry.types, rateLimited(log));
      started.push(() => queue.close());
      const { retentionDays, leaseSeconds, runners, slots, logLevel } = config;
      const store = { db, queue, retentionDays, retentionDaysByType: retentionDaysByType(registry) };
      const state = { isShuttingDown: false };
      const { maxWatchers } = config;
      const reading = new Reading({ store, resultLink: resultLinkOf(registry), maxWatchers, log });
      started.push(() => reading.stop());
      reading.start();

      const app = await buildApp({
        config,
        store,
        reading,
        registry,
        log,
        isShuttingDown: () => state.isShuttingDown,
      });
      started.push(() => app.close());
      await app.listen({ host: config.host, port: config.port });
      const supervisor = new Supervisor({
        store,
        registry,
        runners,
        slots,
        leaseSeconds,
        jobFolders,
        logLevel,
        log,
      });
      started.push(() => supervisor.stop(0));
      await supervisor.start();

      const reaper = new Reaper({ store, leaseSeconds, log });
      reaper.start();
      const sweeper = new Sweeper({ db, log });
      sweeper.start();
      return new Service(addressOf(app, config), {
        postgres,
        db,
        queue,
        reading,
        app,
        supervisor,
        reaper,
        sweeper,
        state,
      });
    } catch (error) {
      for (const stop of started.reverse()) await stop().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Stops taking tasks, gives running attempts up to `graceMs`, hands back what still runs, and stops
   * everything, an embedded PostgreSQL that nobody else uses included. Pages are served until then.
   */
  stop({ graceMs }: { graceMs: number }): Promise<void> {
    this.stopping ??= this.stopParts(graceMs);
    return this.stopping;
  }

  /** Ends the runners without further grace; `stop` then resolves at once. */
  stopNow(): void {
    this.parts.supervisor.killAll();
  }

  private async stopParts(graceMs: number): Promise<void> {
    const { postgres, db, queue, reading, app, supervisor, reaper, sweeper, state } = this.parts;
    state.isShuttingDown = true;
    reading.release();
    await supervisor.stop(graceMs);
    await Promise.all([reaper.stop(), sweeper.stop(), app.close()]);
    await reading.stop();
    await queue.close();
    await db.close();
    await postgres?.stop();
  }
}

interface Parts {
  readonly postgres: EmbeddedPostgres | undefined;
  readonly db: Database;
  readonly queue: TaskQueue;
  readonly reading: Reading;
  readonly app: FastifyInstance;
  readonly supervisor: Supervisor;
  readonly reaper: Reaper;
  readonly sweeper: Sweeper;
  readonly state: { isShuttingDown: boolean };
}

function startPostgres(config: Config, log: Logger): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir: config.dataDir, log: (level, message) => log[level](message) });
}

function addressOf(app: FastifyInstance, config: Config): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `http://${host}:${port}`;
}

function rateLimited(log: Logger): (error: Error) => void {
  let quietUntil = 0;
  return (error) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + troubleLogMs;
    log.warn({ err: error }, 'the queue cannot reach PostgreSQL');
  };
}
