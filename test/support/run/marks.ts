/**
 * Recognises the processes of a test run by variables in their environment. Every child inherits them, even
 * one that leaves its process group, becomes a daemon or is started by a program of others.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The variable with the run's folder, which no other run shares. */
export const runVariable = 'HEADWAY_TEST_RUN';
/** The variable with the id of the vitest worker that started the process, directly or through another. */
export const workerVariable = 'HEADWAY_TEST_WORKER';

export interface MarkedProcess {
  readonly pid: number;
  readonly isPostgres: boolean;
  /**
   * The id of the vitest worker that it belongs to; undefined for a process that the run itself has started.
   */
  readonly worker: number | undefined;
  /** The command line, for reports. */
  readonly command: string;
}

/** The living processes of a run, without the calling process. */
export async function processesOf(runFolder: string): Promise<MarkedProcess[]> {
  const found = process.platform === 'linux' ? await fromProc(runFolder) : await fromPs(runFolder);
  return found.filter(({ pid }) => pid !== process.pid);
}

async function fromProc(runFolder: string): Promise<MarkedProcess[]> {
  const names = await readdir('/proc');
  const pids = names.filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readMarks(pid, runFolder)));
  return found.filter((marked) => marked !== null);
}

/**
 * PostgreSQL's backends overwrite their environment with their titles, so their working folder identifies
 * them.
 */
async function readMarks(pid: string, runFolder: string): Promise<MarkedProcess | null> {
  try {
    const [environment, folder] = await Promise.all([
      readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
    ]);
    const variables = environment.split('\0');
    const isMarked = variables.includes(`${runVariable}=${runFolder}`) || folder.startsWith(`${runFolder}/`);
    if (!isMarked) return null;
    const [name, command] = await Promise.all([
      readFile(`/proc/${pid}/comm`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    return {
      pid: Number(pid),
      isPostgres: name.trim() === 'postgres',
      worker: workerIn(variables),
      command: command.replaceAll('\0', ' ').trim().slice(0, 200),
    };
  } catch {
    // The process has ended in the meantime.
    return null;
  }
}

/** On macOS `ps -E` appends the environment to the command line of the user's own processes. */
async function fromPs(runFolder: string): Promise<MarkedProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axEww', '-o', 'pid=,command='], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    if (!command.includes(`${runVariable}=${runFolder}`)) return [];
    return [
      {
        pid: Number(pid),
        isPostgres: /^\S*postgres /.test(command),
        worker: workerIn(command.split(' ')),
        command: command.slice(0, 200),
      },
    ];
  });
}

function workerIn(variables: readonly string[]): number | undefined {
  const prefix = `${workerVariable}=`;
  const worker = variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length);
  return worker === undefined ? undefined : Number(worker);
}
