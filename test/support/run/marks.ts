/**
 * How the processes of a test run are recognised: by variables in their environment, which every child inherits,
 * also one that leaves its process group, becomes a daemon or is started by a program that is not ours.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Names the run's folder, which no other run has. */
export const runVariable = 'HEADWAY_TEST_RUN';
/** The process id of the vitest worker that started it, directly or not. */
export const workerVariable = 'HEADWAY_TEST_WORKER';

export interface MarkedProcess {
  readonly pid: number;
  readonly isPostgres: boolean;
  /** The vitest worker that it belongs to; undefined for what the run itself has started. */
  readonly worker: number | undefined;
  /** Its command line, for people. */
  readonly command: string;
}

/** The live processes of a run, the caller excepted. */
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

/** PostgreSQL's backends write their titles over their environment, so these are known by their working folder. */
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
    // It has ended meanwhile.
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
