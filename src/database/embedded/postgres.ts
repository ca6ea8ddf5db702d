/**
 * PostgreSQL for those who bring none: a real server in the data folder, shared by all Headway processes that
 * use the folder. The server outlives the process that started it, however that process ends. The next
 * process uses the server, and the last one to leave stops it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeFolder, prepareBinaries } from './binaries.ts';
import { hasCluster, prepareCluster } from './cluster.ts';
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
import { clearLeftovers, ServerDidNotStart, startServer, stopServer } from './server.ts';

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

const lockTimeoutMs = 180_000;

/** Starts the data folder's server, or joins the one that runs. Throws an EmbeddedPostgresError. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const layout = await prepareLayout(options.dataDir);
  const starting = await takeStartLock(layout);
  try {
    const running = await joinRunning(layout, options.log);
    const folder = running ?? (await start(layout, options));
    const users = await lock(layout.usersLock, 'shared', lockTimeoutMs);
    if (users === null)
      throw new EmbeddedPostgresError(`${layout.usersLock} is held by a process that hangs: end it.`);
    const keeper = new Keeper({
      layout,
      log: options.log,
      restart: () => restart(layout, options, folder),
    });
    let stopped: Promise<void> | undefined;
    return {
      url: databaseUrl(folder),
      startedHere: running === null,
      keepRunning: () => keeper.start(),
      stop() {
        stopped ??= keeper.stop().then(() => leave(layout, users, options.log));
        return stopped;
      },
    };
  } finally {
    starting.release();
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
  if (!(await hasCluster(layout))) {
    throw new EmbeddedPostgresError(
      `the data in ${layout.cluster} are gone: put them back, or stop Headway.`,
    );
  }
  const folder = (await joinRunning(layout, options.log)) ?? (await start(layout, options));
  if (folder !== usedFolder) {
    throw new EmbeddedPostgresError(`the server now has its socket in ${folder}: start this process again.`);
  }
}

async function start(layout: Layout, options: EmbeddedPostgresOptions): Promise<string> {
  const binaries = await prepareBinaries(options.native ?? nativeFolder());
  const { identity, version } = await chooseIdentity(layout.root, binaries.postgres);
  const settings = options.settings ?? {};
  const state = await prepareCluster(layout, identity, binaries.initdb, {
    serverVersion: version,
    isDurable: settings.fsync !== 'off',
  });
  const folder = await prepareSocketFolder(layout, (made) => giveTo(identity, made));
  const deadline = performance.now() + 10_000;
  for (;;) {
    await clearLeftovers(layout, folder);
    try {
      await startServer(layout, identity, binaries.postgres, folder, settings);
      break;
    } catch (error) {
      if (!(error instanceof ServerDidNotStart && error.mayPass) || performance.now() > deadline) throw error;
      await sleep(250);
    }
  }
  options.log(
    'info',
    `PostgreSQL ${state === 'created' ? 'made its data folder and ' : ''}runs in ${layout.root}`,
  );
  return folder;
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
