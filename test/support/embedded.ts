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

/** A user without any rights, where the tests run as root and may become one. */
export const nobody = { uid: 65534, gid: 65534 };

const script = fileURLToPath(new URL('embedded-process.ts', import.meta.url));

/** An empty folder for data; its server, if one still runs, ends with it. */
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

/** A data folder that Headway has used before: its server only has to start. */
export async function copyDataDir(): Promise<AsyncDisposable & { path: string }> {
  const dataDir = await makeDataDir();
  usedDataDir ??= useDataDir();
  // With its owner, who is not this user where that is root.
  await promisify(execFile)('cp', ['-a', `${await usedDataDir}/.`, dataDir.path]);
  return dataDir;
}

/** One for all files of a test worker; it goes with the run's folder. */
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

/** Where the cluster of a data folder lies. */
export function clusterOf(dataDir: string): string {
  return path.join(dataDir, 'postgres', 'data');
}

/** The server in this process. It does not wait for disks, as a killed process loses nothing by that. */
export function startHere(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, log: () => undefined, settings: { fsync: 'off' } });
}

export interface Report {
  readonly url?: string;
  readonly startedHere?: boolean;
  readonly error?: string;
}

export interface ServerUser {
  readonly child: ChildProcess;
  readonly report: Report;
  /** Tells it to leave and waits until it has ended. */
  leave(): Promise<void>;
  kill(): Promise<void>;
}

/** A process of its own that uses the data folder's server, once it has said whether it can. */
export async function startElsewhere(
  dataDir: string,
  options: SpawnOptions & { native?: string } = {},
): Promise<ServerUser> {
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

/** The same, not waited for. */
export function spawnElsewhere(
  dataDir: string,
  options: SpawnOptions & { native?: string } = {},
): ChildProcess {
  const { native, ...spawnOptions } = options;
  const args = native === undefined ? [script, dataDir] : [script, dataDir, native];
  return launch(process.execPath, args, { cwd: '/', ...spawnOptions, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** The server's process. */
export async function serverPid(dataDir: string): Promise<number> {
  const found = await readPidFile(clusterOf(dataDir));
  if (found === null) throw new Error('no postmaster.pid');
  return found.pid;
}

/** Sends a signal to the server and all its children; one that has just ended is passed over. */
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

/** One statement over a connection of its own. */
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

/** A server of Debian's PostgreSQL 15, the oldest that is at hand, instead of the one that comes along. */
export async function startDebian15(dataDir: string): Promise<EmbeddedPostgres> {
  const native = path.join(dataDir, 'package', 'native');
  await mkdir(native, { recursive: true });
  await writeFile(path.join(native, 'pg-symlinks.json'), '[]');
  await symlink(debian15, path.join(native, 'bin'));
  return startEmbeddedPostgres({ dataDir, log: () => undefined, native });
}
