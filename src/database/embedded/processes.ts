/**
 * Which processes work on a cluster: read from /proc, because a pid in a file may be stale, reused, or that
 * of a zombie.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** What PostgreSQL writes into its postmaster.pid. */
export interface PidFile {
  readonly pid: number;
  readonly socketFolder: string | undefined;
}

/** The cluster's postmaster.pid, or null where there is none. */
export async function readPidFile(cluster: string): Promise<PidFile | null> {
  const text = await readFile(pidFile(cluster), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  return { pid, socketFolder: lines[4] || undefined };
}

/** PostgreSQL's own lock on the cluster. */
export function pidFile(cluster: string): string {
  return path.join(cluster, 'postmaster.pid');
}

/** Whether the server that the cluster's postmaster.pid names is alive; its children alone do not count. */
export async function isServerRunning(cluster: string): Promise<boolean> {
  const found = await readPidFile(cluster);
  if (found === null) return false;
  if (process.platform === 'linux') return (await worksIn(String(found.pid), cluster)) !== null;
  return (await fromPs(cluster)).includes(found.pid);
}

/** The live PostgreSQL processes of the cluster, left-over children of a killed server included. */
export async function clusterProcesses(cluster: string): Promise<number[]> {
  return process.platform === 'linux' ? fromProc(cluster) : fromPs(cluster);
}

async function fromProc(cluster: string): Promise<number[]> {
  const names = await readdir('/proc');
  const pids = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((pid) => worksIn(pid, cluster)),
  );
  return pids.filter((pid) => pid !== null);
}

/**
 * The pid, if it is that of a PostgreSQL process of the cluster. A zombie has no working directory any more,
 * and a shell whose working directory is the folder is not PostgreSQL.
 */
async function worksIn(pid: string, cluster: string): Promise<number | null> {
  try {
    if ((await readlink(`/proc/${pid}/cwd`)) !== cluster) return null;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8');
    return name.trim() === 'postgres' ? Number(pid) : null;
  } catch {
    return null;
  }
}

/**
 * Without /proc only the server's own command line names the folder. Its children are not found, but they end
 * with the server.
 */
async function fromPs(cluster: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,stat=,command=']);
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null && !match[2]?.startsWith('Z') && match[3]?.includes(`-D ${cluster}`))
    .map((match) => Number(match?.[1]));
}
