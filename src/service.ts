/**
 * The service: builds the parts of a parent process, starts them in order, and stops them in reverse order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type AppOptions, buildApp, buildHealthApp } from './api/app.ts';
import { Drain } from './api/http/drain.ts';
import { Reading } from './api/reading/reading.ts';
import type { Config } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './database/embedded/postgres.ts';
import { migrate } from './database/migrations/migrate.ts';
import { queueTrouble } from './database/outage-log.ts';
import { checkForService } from './database/startup/check.ts';
import { mendable } from './database/startup/setup-error.ts';
import { type WaitOptions, waitForDatabase } from './database/startup/wait.ts';
import { loadExtensions } from './extensions.ts';
import { loadRegistry, ownJobFolders, resultLinkOf, retentionDaysByType } from './jobs/registry.ts';
import { Supervisor } from './jobs/supervisor/supervisor.ts';
import { createMetrics, type MetricSources } from './metrics.ts';
import { orAborted } from './scheduling/abort.ts';
import { monotonicMs } from './scheduling/monotonic.ts';
import type { StopOptions } from './shutdown.ts';
import { TaskQueue } from './tasks/queue/queue.ts';
import { Reaper } from './tasks/reaper/reaper.ts';
import { TallyKeeper } from './tasks/tally/keeper.ts';
import { Sweeper } from './tasks/upkeep/sweeper.ts';

export class Service {
  /** The URL at which the service listens: `http://host:port`. */
  readonly url: string;
  private readonly parts: Parts;
  private readonly hurry = new AbortController();
  private stopping: Promise<void> | undefined;

  private constructor(url: string, parts: Parts) {
    this.url = url;
    this.parts = parts;
  }

  /**
   * Starts the parts that the role needs, and resolves when the service answers requests and runs tasks.
   * @param calledOff aborts a start that is under way: the parts that have started are stopped, and its
   *   reason is thrown
   * @throws {EmbeddedPostgresError | DatabaseSetupError | JobFileError | Error} the reason why it cannot
   *   start
   */
  static async start(
    config: Config,
    log: Logger,
    calledOff: AbortSignal = new AbortController().signal,
  ): Promise<Service> {
    const service = await Service.open(config, log, calledOff);
    const { supervisor, reaper, sweeper, tallyKeeper } = service.parts;
    // These start before the runners: dead workers must be given up also while runners cannot start.
    reaper.start();
    sweeper.start();
    tallyKeeper.start();
    try {
      await orAborted(supervisor.start(), calledOff);
    } catch (error) {
      await service.stop({ graceSeconds: 0, drainSeconds: 0 });
      throw error;
    }
    return service;
  }

  /** Starts everything except the work: afterwards, the service answers requests. */
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
      const jobFolders = [
        ...(await ownJobFolders()),
        ...(config.jobsDir === undefined ? [] : [config.jobsDir]),
      ];
      const prepared = Promise.all([loadRegistry(jobFolders), loadExtensions(), migrate(databaseUrl, locks)]);
      const [registry, extensions, { applied }] = await orAborted(prepared, calledOff);
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
      const sweeper = new Sweeper({ db, log, sweeps: extensions.flatMap(({ sweep }) => sweep ?? []) });
      const tallyKeeper = new TallyKeeper({ db, log });
      const work = { supervisor, reaper, sweeper };
      const { app, reading } = await buildServer({ config, store, registry, extensions, log, drain }, work);
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
        tallyKeeper,
        drain,
      });
    } catch (error) {
      for (const stop of started.reverse()) await stop().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Stops the service: it begins no more attempts, waits the grace period for running attempts, hands back
   * those that still run, and stops all parts, also an embedded PostgreSQL that nobody else uses. Until then
   * requests are answered, and submitted tasks wait for another process to run them. Requests that are in
   * flight at the end get the rest of the grace period.
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
    const { postgres, db, queue, reading, app, supervisor, reaper, sweeper, tallyKeeper, drain } = this.parts;
    const { signal } = this.hurry;
    const untilMs = monotonicMs() + 1000 * graceSeconds;
    drain.begin();
    reading?.release();
    await Promise.all([
      supervisor.stop(1000 * graceSeconds),
      sleep(1000 * drainSeconds, undefined, { signal }).catch(() => undefined),
    ]);
    // Answers the watchers that have come since the first release.
    reading?.release();
    await drain.finish({ untilMs, signal });
    await Promise.all([reaper.stop(), sweeper.stop(), tallyKeeper.stop(), app.close()]);
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
  /** Undefined in the role `worker`. */
  readonly reading: Reading | undefined;
  readonly app: FastifyInstance;
  readonly supervisor: Supervisor;
  readonly reaper: Reaper;
  readonly sweeper: Sweeper;
  readonly tallyKeeper: TallyKeeper;
  readonly drain: Drain;
}

/** Builds the HTTP server of the role, and the reading part that its answers come from. */
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

/** Waits for the database at DATABASE_URL, and checks that Headway can use it. */
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
