/** Starts the server, waits until it answers, and stops it. Everything here runs under the start lock. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { readFile, rm, rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Programs } from './binaries.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { commandFor } from './identity.ts';
import { type Layout, port, runningSocketFolder, socketFile } from './layout.ts';
import { probe } from './probe.ts';
import { clusterProcesses, pidFile, readPidFile } from './processes.ts';

/** Settings of the server. None changes its durability: fsync and synchronous_commit stay on. */
const serverSettings = {
  listen_addresses: '',
  port: String(port),
  max_connections: '100',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // A process whose statement fails reports it itself; in this log, failures would only fill the disk,
  // payloads included.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
};

const recoveryTimeoutMs = 120_000;

export interface StartOptions {
  readonly socketFolder: string;
  /** Whether the cluster was just made, so that nobody has used it. */
  readonly isNew: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Runs `postgres` so that it outlives this process and a Ctrl-C in its terminal. Resolves when it is ready.
 */
export async function startServer(
  layout: Layout,
  { postgres, identity }: Programs,
  { socketFolder, isNew, settings }: StartOptions,
): Promise<void> {
  // Nothing is awaited before the server runs: while the service loads its code, each turn of the event loop may
  // take long.
  const log = openLog(layout);
  try {
    const all = { ...serverSettings, unix_socket_directories: quoted(socketFolder), ...settings };
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const { file, args, options } = commandFor(identity, postgres, ['-D', layout.cluster, ...flags]);
    const child = spawn(file, args, {
      ...options,
      cwd: layout.root,
      detached: true,
      stdio: ['ignore', log, log],
    });
    child.unref();
    await untilReady(child, layout, { socketFolder, isNew });
  } finally {
    closeSync(log);
  }
}

/** Only the log of the start before is kept, so that logs do not grow for ever. */
function openLog({ log }: Layout): number {
  if (existsSync(log)) renameSync(log, `${log}.old`);
  return openSync(log, 'w', 0o600);
}

async function untilReady(
  child: ChildProcess,
  layout: Layout,
  { socketFolder, isNew }: Pick<StartOptions, 'socketFolder' | 'isNew'>,
): Promise<void> {
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `ended with ${signal ?? `exit code ${code}`}`;
  });
  const deadline = performance.now() + recoveryTimeoutMs;
  while (ended === undefined && performance.now() < deadline) {
    if ((await probe(socketFolder, 5_000, { isNew })) === 'ready') return;
    await sleep(10);
  }
  throw new ServerDidNotStart(ended ?? 'is not ready after two minutes', await reasonIn(layout));
}

/** The server did not start; the message repeats PostgreSQL's own reason. */
export class ServerDidNotStart extends EmbeddedPostgresError {
  /**
   * Whether a later try may succeed: children of a killed server hold its shared memory until they end, and
   * not every system lets us see them.
   */
  readonly mayPass: boolean;

  constructor(what: string, reason: string) {
    super(`The embedded PostgreSQL ${what} (${reason}): see server.log in its folder, or set DATABASE_URL.`);
    this.mayPass = /shared memory block|lock file/.test(reason);
  }
}

async function reasonIn(layout: Layout): Promise<string> {
  const lines = (await readFile(layout.log, 'utf8').catch(() => '')).split('\n');
  const telling = lines.findLast((line) => /FATAL|PANIC|error while loading/.test(line)) ?? lines.at(-2);
  return telling?.replace(/^.*?(FATAL|PANIC):\s*/, '') || 'PostgreSQL gave no reason';
}

/**
 * Waits until no process works on the cluster, then removes the files that a killed server left: PostgreSQL
 * would take the pid in its file for a running server while some process has that pid. Throws where a
 * process does not end.
 */
export async function clearLeftovers(layout: Layout, socketFolder: string): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const alive = await clusterProcesses(layout.cluster);
    if (alive.length === 0) break;
    const waitedMs = performance.now() - begun;
    const server = (await readPidFile(layout.cluster))?.pid ?? 0;
    if (waitedMs > 10_000) {
      throw new EmbeddedPostgresError(
        `PostgreSQL (process ${alive.includes(server) ? server : alive[0]}) holds ${layout.cluster} but does not answer: end it (kill -QUIT), then start again.`,
      );
    }
    // Children of a killed server end by themselves, unless they are busy with a long computation; they hold
    // its shared memory until then.
    if (waitedMs > 3_000 && !alive.includes(server)) for (const pid of alive) signal(pid, 'SIGQUIT');
    await sleep(20);
  }
  const socket = socketFile(socketFolder);
  for (const file of [pidFile(layout.cluster), socket, `${socket}.lock`]) await rm(file, { force: true });
}

/**
 * Stops the server, whoever started it: first without waiting for its clients, then without the final
 * checkpoint, then by SIGKILL.
 */
export async function stopServer(layout: Layout): Promise<void> {
  const found = await readPidFile(layout.cluster);
  if (found === null) return;
  const steps = [
    { signalName: 'SIGINT', waitMs: 5_000 },
    { signalName: 'SIGQUIT', waitMs: 5_000 },
    { signalName: 'SIGKILL', waitMs: 5_000 },
  ] as const;
  for (const { signalName, waitMs } of steps) {
    if (!(await clusterProcesses(layout.cluster)).includes(found.pid)) break;
    signal(found.pid, signalName);
    if (await isGone(layout, found.pid, waitMs)) break;
  }
  const folder = runningSocketFolder(layout, found);
  // The folder is empty by now; if not, the next start deals with it.
  if (folder !== layout.root) await rmdir(folder).catch(() => undefined);
}

async function isGone(layout: Layout, server: number, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (performance.now() < deadline) {
    if (!(await clusterProcesses(layout.cluster)).includes(server)) return true;
    await sleep(20);
  }
  return false;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended meanwhile.
  }
}

/** PostgreSQL splits a list of folders at commas; a quoted folder may hold any character. */
function quoted(folder: string): string {
  return `"${folder.replaceAll('"', '""')}"`;
}
