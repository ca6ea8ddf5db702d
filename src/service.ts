/** Builds the parts of a parent process, starts them in order and stops them in the opposite one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { orAborted } from './abort.ts';
import { type AppOptions, buildApp, buildHealthApp } from './api/app.ts';
import { Drain } from './api/drain.ts';
import { Reading } from './api/reading/reading.ts';
import type { Config } from './config.ts';
import { checkForService } from './database/check.ts';
import { type Database, openDatabase } from './database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './database/embedded/postgres.ts';
import { migrate } from './database/migrate.ts';
import { mendable } from './database/setup-error.ts';
import { type WaitOptions, waitForDatabase } from './database/wait.ts';
import { loadRegistry, ownJobsFolder, resultLinkOf, retentionDaysByType } from './jobs/registry.ts';
import { Supervisor } from './jobs/supervisor.ts';
import { createMetrics, type MetricSources } from './metrics.ts';
import { monotonicMs } from './monotonic.ts';
import { queueTrouble } from './outage-log.ts';
import type { StopOptions } from './shutdown.ts';
import { Sweeper } from './sweeper.ts';
import { TaskQueue } from './tasks/queue.ts';
import { Reaper } from './tasks/reaper/reaper.ts';

export class Service {
  /** Where it listens: `http://host:port`. */
  readonly url: string;
  private readonly parts: Parts;
  private readonly hurry = new AbortController();
  private stopping: Promise<void> | undefined;

  private constructor(url: string, parts: Parts) {
    this.url = url;
    this.parts = parts;
  }

  /**
   * Starts what the role asks for, and resolves when it serves and takes tasks.
   * @param calledOff aborts a start that is under way: what has been started is undone, and its reason thrown
   * @throws {EmbeddedPostgresError | DatabaseSetupError | JobFileError | Error} what keeps it from starting
   */
  static async start(
    config: Config,
    log: Logger,
    calledOff: AbortSignal = new AbortController().signal,
  ): Promise<Service> {
    const service = await Service.open(config, log, calledOff);
    const { supervisor, reaper, sweeper } = service.parts;
    // First these: somebody must look after the dead also while runners cannot start.
    reaper.start();
    sweeper.start();
    try {
      await orAborted(supervisor.start(), calledOff);
    } catch (error) {
      await service.stop({ graceSeconds: 0, drainSeconds: 0 });
      throw error;
    }
    return service;
  }

  /** Everything but the work: it serves. */
  private static async open(config: Config, log: Logger, calledOff: AbortSignal): Promise<Service> {
    const started: (() => Promise<void>)[] = [];
    try {
      const postgres = config.databaseUrl === undefined ? await startPostgres(config, log) : undefined;
      if (postgres) started.push(() => postgres.stop());
      calledOff.throwIfAborted();
      postgres?.keepRunning();
      const databaseUrl = postgres?.url ?? config.databaseUrl ?? '';
      if (!postgres) await orAborted(reachDatabase(databaseUrl, config, log), calledOff);
      const locks = { onWait: (message: string) => log.warn(message), signal: calledOff };
      const jobFolders = [ownJobsFolder, ...(config.jobsDir === undefined ? [] : [config.jobsDir])];
      const prepared = Promise.all([loadRegistry(jobFolders), migrate(databaseUrl, locks)]);
      const [registry, { applied }] = await orAborted(prepared, calledOff);
      if (applied.length > 0) log.info({ applied }, 'database migrated');

      const db = openDatabase(databaseUrl, { name: 'headway' });
      started.push(() => db.close());
      const opening = TaskQueue.openAndMaintain(db, registry.types, queueTrouble(log), locks);
      const queue = await opening.catch((error) => {
        throw mendable(error, databaseUrl);
      });
      started.push(() => queue.close());
      calledOff.throwIfAborted();
      const { retentionDays, leaseSeconds, runners, slots, logLevel } = config;
      const store = { db, queue, retentionDays, retentionDaysByType: retentionDaysByType(registry) };
      const drain = new Drain();
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
      const reaper = new Reaper({ store, leaseSeconds, log });
      const sweeper = new Sweeper({ db, log });
      const work = { supervisor, reaper, sweeper };
      const { app, reading } = await buildServer({ config, store, registry, log, drain }, work);
      started.push(async () => {
        await app.close();
        await reading?.stop();
      });
      await app.listen({ host: config.host, port: config.port });
      return new Service(addressOf(app, config), {
        postgres,
        db,
        queue,
        reading,
        app,
        supervisor,
        reaper,
        sweeper,
        drain,
      });
    } catch (error) {
      for (const stop of started.reverse()) await stop().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Stops taking tasks, gives running attempts their grace, hands back what still runs, and stops everything,
   * an embedded PostgreSQL that nobody else uses included. Until then requests are served, and tasks that are
   * submitted wait for whoever runs them; those that are in flight at the end have what is left of the grace.
   */
  stop(options: StopOptions): Promise<void> {
    this.stopping ??= this.stopParts(options);
    return this.stopping;
  }

  /** Ends runners and requests without further grace; `stop` then resolves at once. */
  stopNow(): void {
    this.parts.supervisor.killAll();
    this.hurry.abort();
  }

  private async stopParts({ graceSeconds, drainSeconds }: StopOptions): Promise<void> {
    const { postgres, db, queue, reading, app, supervisor, reaper, sweeper, drain } = this.parts;
    const { signal } = this.hurry;
    const untilMs = monotonicMs() + 1000 * graceSeconds;
    drain.begin();
    reading?.release();
    await Promise.all([
      supervisor.stop(1000 * graceSeconds),
      sleep(1000 * drainSeconds, undefined, { signal }).catch(() => undefined),
    ]);
    // Who has come since.
    reading?.release();
    await drain.finish({ untilMs, signal });
    await Promise.all([reaper.stop(), sweeper.stop(), app.close()]);
    await reading?.stop();
    await queue.close();
    await db.close();
    await postgres?.stop();
  }
}

interface Parts {
  readonly postgres: EmbeddedPostgres | undefined;
  readonly db: Database;
  readonly queue: TaskQueue;
  /** Undefined in a worker. */
  readonly reading: Reading | undefined;
  readonly app: FastifyInstance;
  readonly supervisor: Supervisor;
  readonly reaper: Reaper;
  readonly sweeper: Sweeper;
  readonly drain: Drain;
}

/** The HTTP server of a role, and what it reads from. */
async function buildServer(
  options: Required<Omit<AppOptions, 'reading' | 'metrics'>>,
  work: Pick<MetricSources, 'supervisor' | 'reaper' | 'sweeper'>,
): Promise<{ app: FastifyInstance; reading: Reading | undefined }> {
  const { config, store, registry, log } = options;
  if (config.role === 'worker') {
    const metrics = createMetrics({ ...work, store, reading: undefined });
    return { app: await buildHealthApp({ ...options, metrics }), reading: undefined };
  }
  const { maxWatchers, trustedProxies } = config;
  const resultLink = resultLinkOf(registry, log);
  const reading = new Reading({ store, resultLink, maxWatchers, trustedProxies, log });
  const app = await buildApp({ ...options, reading, metrics: createMetrics({ ...work, store, reading }) });
  reading.start();
  return { app, reading };
}

function startPostgres(config: Config, log: Logger): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir: config.dataDir, log: (level, message) => log[level](message) });
}

/** Waits for a database that was not started by us, and sees that it can be used. */
async function reachDatabase(url: string, config: Config, log: Logger): Promise<void> {
  const say: WaitOptions['log'] = (level, message) => log[level](message);
  const check = () => checkForService(url, { runners: config.runners, log: say });
  await waitForDatabase(url, { seconds: config.databaseWaitSeconds, log: say, check });
}

function addressOf(app: FastifyInstance, config: Config): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `http://${host}:${port}`;
}
