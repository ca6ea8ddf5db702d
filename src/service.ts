/**
 * The service: builds the parts of a parent process, starts them in order, and stops them in reverse order.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type AppOptions, buildApp, buildHealthApp } from './api/app.ts';
import { Drain } from './api/http/drain.ts';
import type { Metrics } from './api/operating/metrics.ts';
import { Reading } from './api/reading/reading.ts';
import type { Config } from './config.ts';
import { type Database, openDatabase } from './database/database.ts';
import type { EmbeddedPostgres, StartingPostgres } from './database/embedded/postgres.ts';
import { migrate } from './database/migrations/migrate.ts';
import { queueTrouble } from './database/outage-log.ts';
import { checkForService } from './database/startup/check.ts';
import { mendable } from './database/startup/setup-error.ts';
import { type WaitOptions, waitForDatabase } from './database/startup/wait.ts';
import { loadExtensions } from './extensions.ts';
import { loadRegistry, ownJobFolders, resultLinkOf, retentionDaysByType } from './jobs/registry.ts';
import { Supervisor } from './jobs/supervisor/supervisor.ts';
import type { MetricSources } from './metrics.ts';
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
   * Called by `startService`, see there.
   * @param postgres the embedded PostgreSQL, which may still start; undefined where the configuration names a
   *   database
   */
  static async start(
    config: Config,
    log: Logger,
    postgres: StartingPostgres | undefined,
    calledOff: AbortSignal,
  ): Promise<Service> {
    const service = await Service.open(config, log, postgres, calledOff);
    const { supervisor, reaper, sweeper, tallyKeeper, queue, metrics } = service.parts;
    // These start before the runners: dead workers must be given up also while runners cannot start.
    reaper.start();
    sweeper.start();
    tallyKeeper.start();
    try {
      await orAborted(supervisor.start(), calledOff);
      // What the first requests do not need is loaded last. It is not left for later, as an upgrade may replace the
      // files.
      queue.maintain();
      await metrics();
    } catch (error) {
      await service.stop({ graceSeconds: 0, drainSeconds: 0 });
      throw error;
    }
    return service;
  }

  /** Starts everything except the work: afterwards, the service answers requests. */
  private static async open(
    config: Config,
    log: Logger,
    postgres: StartingPostgres | undefined,
    calledOff: AbortSignal,
  ): Promise<Service> {
    const started: (() => Promise<void>)[] = [];
    if (postgres) started.push(() => postgres.stop());
    try {
      const databaseUrl = postgres?.url ?? config.databaseUrl ?? '';
      if (!postgres) await orAborted(reachDatabase(databaseUrl, config, log), calledOff);
      const jobFolders = [
        ...(await ownJobFolders()),
        ...(config.jobsDir === undefined ? [] : [config.jobsDir]),
      ];
      const [registry, extensions] = await Promise.all([loadRegistry(jobFolders), loadExtensions()]);
      const db = openDatabase(databaseUrl, { name: 'headway' });
      started.push(() => db.close());
      const queue = TaskQueue.forParent(db, registry.types, queueTrouble(log));
      started.push(() => queue.close());
      // The server is built meanwhile.
      const preparing = prepareDatabase(postgres, databaseUrl, queue, log, calledOff);
      preparing.catch(() => undefined);
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
      const { app, reading, metrics } = await buildServer(
        { config, store, registry, extensions, log, drain },
        work,
      );
      started.push(async () => {
        await app.close();
        await reading?.stop();
      });
      await orAborted(Promise.all([preparing, postgres?.durable]), calledOff);
      reading?.start();
      await app.listen({ host: config.host, port: config.port });
      return new Service(addressOf(app, config), {
        postgres,
        db,
        queue,
        reading,
        app,
        metrics,
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
  readonly metrics: Metrics;
  readonly supervisor: Supervisor;
  readonly reaper: Reaper;
  readonly sweeper: Sweeper;
  readonly tallyKeeper: TallyKeeper;
  readonly drain: Drain;
}

/** Builds the HTTP server of the role, and the reading part that its answers come from, which the caller starts. */
async function buildServer(
  options: Required<Omit<AppOptions, 'reading' | 'metrics'>>,
  work: Pick<MetricSources, 'supervisor' | 'reaper' | 'sweeper'>,
): Promise<Pick<Parts, 'app' | 'reading' | 'metrics'>> {
  const { config, store, registry, log } = options;
  if (config.role === 'worker') {
    const metrics = lazyMetrics({ ...work, store, reading: undefined });
    return { app: await buildHealthApp({ ...options, metrics }), reading: undefined, metrics };
  }
  const { maxWatchers, trustedProxies } = config;
  const resultLink = resultLinkOf(registry, log);
  const reading = new Reading({ store, resultLink, maxWatchers, trustedProxies, log });
  const metrics = lazyMetrics({ ...work, store, reading });
  return { app: await buildApp({ ...options, reading, metrics }), reading, metrics };
}

function lazyMetrics(sources: MetricSources): Metrics {
  let made: ReturnType<Metrics> | undefined;
  return () => {
    made ??= import('./metrics.ts').then(({ createMetrics }) => createMetrics(sources));
    return made;
  };
}

/** Waits for the embedded PostgreSQL, and applies the migrations that the database lacks, ours and pg-boss's. */
async function prepareDatabase(
  postgres: StartingPostgres | undefined,
  url: string,
  queue: TaskQueue,
  log: Logger,
  calledOff: AbortSignal,
): Promise<void> {
  await postgres?.answering;
  postgres?.keepRunning();
  const locks = { onWait: (message: string) => log.warn(message), signal: calledOff };
  const install = () =>
    queue.install(locks).catch((error) => {
      throw mendable(error, url);
    });
  // The two schemas do not need each other. But where the migrations refuse a database, it is left as it is.
  const installing = postgres?.isNew ? install() : undefined;
  installing?.catch(() => undefined);
  const { applied } = await migrate(url, locks);
  if (applied.length > 0) log.info({ applied }, 'database migrated');
  calledOff.throwIfAborted();
  await (installing ?? install());
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
