/**
 * PostgreSQL for those who bring none: a real server in the data folder, shared by all Headway processes that
 * use the folder. The server outlives the process that started it, however that process ends. The next
 * process uses the server, and the last one to leave stops it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeFolder, type Programs, prepareBinaries } from './binaries.ts';
import { checkVersion, createCluster, hasCluster, makeDurable, removeHalfMade } from './cluster.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { chooseIdentity, giveTo } from './identity.ts';
import { Keeper } from './keeper.ts';
import {
  checkSocketFolder,
  databaseUrl,
  type Layout,
  prepareLayout,
  prepareSocketFolder,
  runningSocketFolder,
} from './layout.ts';
import { type Lock, lock, tryLock } from './lock.ts';
import { probe } from './probe.ts';
import { readPidFile } from './processes.ts';
import { clearLeftovers, ServerDidNotStart, type StartOptions, startServer, stopServer } from './server.ts';

export { EmbeddedPostgresError } from './embedded-error.ts';

export interface EmbeddedPostgresOptions {
  /** Where the server's folder lies; created where it is missing. */
  readonly dataDir: string;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /** Further server settings, for tests. They hold only where this call starts the server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the programs lie, for tests (default: the platform's package). */
  readonly native?: string;
}

export interface EmbeddedPostgres {
  /** The URL of the database `app`, which exists. */
  readonly url: string;
  /** False where the server ran already. */
  readonly startedHere: boolean;
  /** From now on the server is started again within seconds when it ends, until this process stops it. */
  keepRunning(): void;
  /** Stops the server unless another process uses it. This process's own connections are closed before. */
  stop(): Promise<void>;
}

/** A server that starts, perhaps in a new data folder. */
export interface StartingPostgres extends EmbeddedPostgres {
  /** Whether the data folder is new. */
  readonly isNew: boolean;
  /** Resolves when the server answers. Rejects with an EmbeddedPostgresError. */
  readonly answering: Promise<void>;
  /**
   * Resolves when a machine that loses its power keeps the data folder. Before that, nobody may be promised
   * anything that relies on the database. Rejects with an EmbeddedPostgresError.
   */
  readonly durable: Promise<void>;
}

const lockTimeoutMs = 180_000;

/** Starts the data folder's server, or joins the one that runs. Throws an EmbeddedPostgresError. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const postgres = await beginEmbeddedPostgres(options);
  try {
    await Promise.all([postgres.answering, postgres.durable]);
    return postgres;
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/**
 * Like `startEmbeddedPostgres`, but resolves when a program of PostgreSQL runs, which then needs little of this
 * process. The caller stops the server also where its start fails.
 */
export async function beginEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<StartingPostgres> {
  const layout = await prepareLayout(options.dataDir);
  const starting = await takeStartLock(layout);
  let begun: Pick<StartingPostgres, 'answering' | 'durable'> | undefined;
  try {
    const running = await joinRunning(layout, options.log);
    const plan = running === null ? await planStart(layout, options) : undefined;
    const folder = running ?? plan?.socketFolder ?? '';
    const users = await lock(layout.usersLock, 'shared', lockTimeoutMs);
    if (users === null)
      throw new EmbeddedPostgresError(`${layout.usersLock} is held by a process that hangs: end it.`);
    const keeper = new Keeper({
      layout,
      log: options.log,
      restart: () => restart(layout, options, folder),
    });
    begun = plan
      ? carryOut(plan, layout, options)
      : { answering: Promise.resolve(), durable: makeDurable(layout, () => findPrograms(layout, options)) };
    const { answering, durable } = begun;
    const ended = Promise.allSettled([answering, durable]);
    let stopped: Promise<void> | undefined;
    return {
      url: databaseUrl(folder),
      startedHere: running === null,
      isNew: plan?.isNew ?? false,
      answering,
      durable,
      keepRunning: () => keeper.start(),
      stop() {
        stopped ??= ended.then(() => keeper.stop()).then(() => leave(layout, users, options.log));
        return stopped;
      },
    };
  } finally {
    // Neither another process nor the keeper starts a server before the data folder is durable.
    void Promise.allSettled([begun?.answering, begun?.durable]).then(() => starting.release());
  }
}

async function takeStartLock(layout: Layout): Promise<Lock> {
  const held = await lock(layout.startLock, 'exclusive', lockTimeoutMs);
  if (held !== null) return held;
  throw new EmbeddedPostgresError(
    `Another process has been starting PostgreSQL in ${layout.root} for three minutes: end it, then start again.`,
  );
}

/**
 * The socket's folder of a server that answers; null where no server runs, or one has only left its files.
 */
async function joinRunning(layout: Layout, log: EmbeddedPostgresOptions['log']): Promise<string | null> {
  const found = await readPidFile(layout.cluster);
  if (found === null) return null;
  const folder = runningSocketFolder(layout, found);
  const deadline = performance.now() + 120_000;
  for (;;) {
    const state = await probe(folder, 5_000);
    if (state === 'absent' || state === 'silent') return null;
    if (state === 'ready') break;
    if (performance.now() > deadline) return null;
    await sleep(20);
  }
  if (folder !== layout.root) await checkSocketFolder(layout, folder);
  log('info', `Using the PostgreSQL that runs in ${layout.root}`);
  return folder;
}

/**
 * Starts the server again on the same data. It fails where the data are gone, because an empty database in
 * their place would be taken for the old one.
 */
async function restart(layout: Layout, options: EmbeddedPostgresOptions, usedFolder: string): Promise<void> {
  let folder = await joinRunning(layout, options.log);
  if (folder === null) {
    const plan = await planStart(layout, options);
    if (plan.isNew) {
      throw new EmbeddedPostgresError(
        `the data in ${layout.cluster} are gone: put them back, or stop Headway.`,
      );
    }
    await carryOut(plan, layout, options).answering;
    folder = plan.socketFolder;
  }
  if (folder !== usedFolder) {
    throw new EmbeddedPostgresError(`the server now has its socket in ${folder}: start this process again.`);
  }
}

/** What a start is going to do. */
interface StartPlan {
  readonly programs: Programs;
  readonly socketFolder: string;
  /** Whether a cluster must be made. */
  readonly isNew: boolean;
}

async function planStart(layout: Layout, options: EmbeddedPostgresOptions): Promise<StartPlan> {
  const programs = await findPrograms(layout, options);
  const folder = await prepareSocketFolder(layout, (made) => giveTo(programs.identity, made));
  await clearLeftovers(layout, folder);
  await removeHalfMade(layout);
  await checkVersion(layout, programs);
  return { programs, socketFolder: folder, isNew: !(await hasCluster(layout)) };
}

/** Runs the first program at once, and each further one as soon as the one before has ended. */
function carryOut(
  { programs, socketFolder, isNew }: StartPlan,
  layout: Layout,
  options: EmbeddedPostgresOptions,
): Pick<StartingPostgres, 'answering' | 'durable'> {
  const { settings = {}, log } = options;
  const isDurable = settings.fsync !== 'off';
  const made = isNew ? createCluster(layout, programs, { isDurable }) : Promise.resolve();
  const answering = made
    .then(() => startPatiently(layout, programs, { socketFolder, isNew, settings }))
    .then(() => log('info', `PostgreSQL ${isNew ? 'made its data folder and ' : ''}runs in ${layout.root}`));
  const durable = made.then(() => makeDurable(layout, async () => programs));
  return { answering, durable };
}

/** Starts the server. While the children of a killed server end, it tries again. */
async function startPatiently(layout: Layout, programs: Programs, options: StartOptions): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await startServer(layout, programs, options);
    } catch (error) {
      if (!(error instanceof ServerDidNotStart && error.mayPass) || performance.now() > deadline) throw error;
      await sleep(250);
      await clearLeftovers(layout, options.socketFolder);
    }
  }
}

/** The programs, and who runs them: to that user the folder is given. */
async function findPrograms(layout: Layout, options: EmbeddedPostgresOptions): Promise<Programs> {
  const binaries = await prepareBinaries(options.native ?? nativeFolder());
  return { ...binaries, ...(await chooseIdentity(layout.root, binaries.postgres)) };
}

async function leave(layout: Layout, users: Lock, log: EmbeddedPostgresOptions['log']): Promise<void> {
  const starting = await takeStartLock(layout);
  try {
    users.release();
    const alone = tryLock(layout.usersLock, 'exclusive');
    if (alone === null) {
      log('info', `PostgreSQL in ${layout.root} keeps running: another process uses it`);
      return;
    }
    alone.release();
    await stopServer(layout);
  } finally {
    starting.release();
  }
}
