/** Data folders, processes and signals for the tests of the embedded PostgreSQL. */
import { type ChildProcess, execFile, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded/postgres.ts';
import { clusterProcesses, readPidFile } from '../../src/database/embedded/processes.ts';
import { migrate } from '../../src/database/migrations/migrate.ts';
import { eventually } from './eventually.ts';
import { launch } from './launch.ts';
import { openStore } from './service.ts';

export const isRoot = process.getuid?.() === 0;
export const isLinux = process.platform === 'linux';

/** A user without any rights, for tests that run as root and may change to another user. */
export const nobody = { uid: 65534, gid: 65534 };

const script = fileURLToPath(new URL('embedded-process.ts', import.meta.url));

/** An empty data folder. Its disposal also ends a server that still runs in it. */
export async function makeDataDir(): Promise<AsyncDisposable & { path: string }> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'headway-embedded-')));
  await chmod(folder, 0o755);
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      await killServer(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A data folder that Headway has used before, so that its server starts without creating a cluster. */
export async function copyDataDir(): Promise<AsyncDisposable & { path: string }> {
  const dataDir = await makeDataDir();
  usedDataDir ??= useDataDir();
  // Copy the owner, too: when the tests run as root, the files belong to another user.
  await promisify(execFile)('cp', ['-a', `${await usedDataDir}/.`, dataDir.path]);
  return dataDir;
}

/** One used data folder for all files of a test worker. It is removed with the run's folder. */
let usedDataDir: Promise<string> | undefined;

async function useDataDir(): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'headway-used-')));
  await chmod(folder, 0o755);
  const server = await startHere(folder);
  await migrate(server.url);
  const store = await openStore(server.url);
  await store.close();
  await server.stop();
  return folder;
}

/** The path of the cluster in a data folder. */
export function clusterOf(dataDir: string): string {
  return path.join(dataDir, 'postgres', 'data');
}

/**
 * Starts the server from this process. It runs without fsync, because the end of a process loses no data by
 * that.
 */
export function startHere(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, log: () => undefined, settings: { fsync: 'off' } });
}

export interface Report {
  readonly url?: string;
  readonly startedHere?: boolean;
  readonly error?: string;
}

export interface ElsewhereOptions extends SpawnOptions {
  readonly native?: string;
  /** Whether the server runs with fsync, as for users (default: no). */
  readonly isDurable?: boolean;
}

export interface ServerUser {
  readonly child: ChildProcess;
  readonly report: Report;
  /** Tells the process to leave, and waits until it has ended. */
  leave(): Promise<void>;
  kill(): Promise<void>;
}

/**
 * Starts another process that uses the data folder's server. Resolves when the process has said whether it
 * can.
 */
export async function startElsewhere(dataDir: string, options: ElsewhereOptions = {}): Promise<ServerUser> {
  const child = spawnElsewhere(dataDir, options);
  const ended = once(child, 'exit');
  if (child.stdout === null) throw new Error('its output is a pipe');
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  const report: Report = JSON.parse(String(line));
  return {
    child,
    report,
    async leave() {
      child.stdin?.write('stop\n');
      await ended;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Starts the process without waiting for its first message. */
export function spawnElsewhere(dataDir: string, options: ElsewhereOptions = {}): ChildProcess {
  const { native, isDurable = false, ...spawnOptions } = options;
  const args = [script, dataDir, isDurable ? 'durable' : 'fast', ...(native === undefined ? [] : [native])];
  return launch(process.execPath, args, { cwd: '/', ...spawnOptions, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** The process id of the server. */
export async function serverPid(dataDir: string): Promise<number> {
  const found = await readPidFile(clusterOf(dataDir));
  if (found === null) throw new Error('no postmaster.pid');
  return found.pid;
}

/** Sends a signal to the server and all its children, ignoring those that have just ended. */
export async function signalServer(dataDir: string, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await clusterProcesses(clusterOf(dataDir))) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** `kill -9` of the server and all its children, at once. */
export async function killServer(dataDir: string): Promise<void> {
  await signalServer(dataDir, 'SIGKILL');
  await eventually(async () => (await clusterProcesses(clusterOf(dataDir))).length === 0);
}

/** Runs one statement over its own connection. */
export async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const debian15 = '/usr/lib/postgresql/15/bin';

export const hasDebian15 = existsSync(debian15);

/** Starts Debian's PostgreSQL 15, the oldest version at hand, instead of the embedded version. */
export async function startDebian15(dataDir: string): Promise<EmbeddedPostgres> {
  const native = path.join(dataDir, 'package', 'native');
  await mkdir(native, { recursive: true });
  await writeFile(path.join(native, 'pg-symlinks.json'), '[]');
  await symlink(debian15, path.join(native, 'bin'));
  return startEmbeddedPostgres({ dataDir, log: () => undefined, native });
}
