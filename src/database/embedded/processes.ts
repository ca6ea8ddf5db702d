/** Which processes work on a cluster: told from /proc, as a pid in a file may be stale, a zombie, or reused. */
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

/** Whether the server that the cluster's postmaster.pid names lives; its children alone are no server. */
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

/** A zombie has no cwd any more, and a shell that stands in the folder is no server. */
async function worksIn(pid: string, cluster: string): Promise<number | null> {
  try {
    if ((await readlink(`/proc/${pid}/cwd`)) !== cluster) return null;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8');
    return name.trim() === 'postgres' ? Number(pid) : null;
  } catch {
    return null;
  }
}

/** Without /proc only the server itself names its folder; its children end with it. */
async function fromPs(cluster: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,stat=,command=']);
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null && !match[2]?.startsWith('Z') && match[3]?.includes(`-D ${cluster}`))
    .map((match) => Number(match?.[1]));
}
