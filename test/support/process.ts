/** Starts Headway as its users do: as a process, by its command line. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { projectDir } from '../../src/config.ts';
import { eventually } from './eventually.ts';
import { launch } from './launch.ts';
import { testJobsFolder } from './service.ts';
import type { TaskBody } from './task-states.ts';

export interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the command line, and waits for its end. */
export async function runHeadway(args: string[], env: Record<string, string> = {}): Promise<Exit> {
  const headway = new HeadwayProcess(args, env);
  const code = await headway.exited;
  return { code, stdout: headway.stdout, stderr: headway.stderr };
}

/** Starts the service, and waits until it has logged where it listens. */
export async function startHeadway(
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<HeadwayProcess & { url: string }> {
  const headway = new HeadwayProcess(args, { PORT: '0', HEADWAY_JOBS_DIR: testJobsFolder, ...env });
  const url = await headway.ready();
  return Object.assign(headway, { url });
}

export class HeadwayProcess {
  stdout = '';
  stderr = '';
  readonly exited: Promise<number | null>;
  private readonly child: ChildProcess;

  /** @param command a shell command to start instead of `node src/main.ts` */
  constructor(args: string[], env: Record<string, string>, command?: { line: string; cwd: string }) {
    const options = { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] as const };
    this.child = command
      ? launch('sh', ['-c', command.line], {
          ...options,
          cwd: command.cwd,
          detached: true,
          stdio: ['ignore', 'pipe', 'pipe'],
        })
      : launch(process.execPath, [path.join(projectDir, 'src/main.ts'), ...args], {
          ...options,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
    this.child.stdout?.on('data', (bytes) => {
      this.stdout += bytes;
    });
    this.child.stderr?.on('data', (bytes) => {
      this.stderr += bytes;
    });
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('it did not start');
    return this.child.pid;
  }

  /** The pid of the newest runner, from the log. */
  get runnerPid(): number {
    return Number(
      this.stdout
        .match(/"runnerPid":(\d+)/g)
        ?.at(-1)
        ?.match(/\d+/)?.[0],
    );
  }

  /** The URL where the service listens; throws at once if the service has ended. */
  async ready(): Promise<string> {
    const hasEnded = () => this.child.exitCode !== null || this.child.signalCode !== null;
    const url = await eventually(
      () => /^Headway is ready: (\S+)$/m.exec(this.stdout)?.[1] ?? (hasEnded() ? 'ended' : undefined),
    );
    if (url === 'ended') throw new Error(`it ended: ${this.stdout}${this.stderr}`);
    return url;
  }

  /** Sends a signal to the process alone. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Closes the readers of its output, as when a terminal hangs up. */
  closeOutput(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  /** Sends a signal to its whole process group, as a terminal does. For commands started by a shell. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }
}

export async function postTask(url: string, type: string, input: unknown): Promise<TaskBody> {
  const response = await fetch(`${url}/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type, input }),
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as TaskBody;
}

async function getTask(url: string, id: string): Promise<TaskBody> {
  const response = await fetch(`${url}/tasks/${id}`, { headers: { accept: 'application/json' } });
  return (await response.json()) as TaskBody;
}

/** Polls until the task fulfils the condition; repeats a poll that fails. */
export function pollUntil(
  url: string,
  id: string,
  condition: (task: TaskBody) => boolean,
): Promise<TaskBody> {
  return eventually(
    async () => {
      const task = await getTask(url, id);
      return condition(task) ? task : undefined;
    },
    { intervalMs: 50 },
  );
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
