/** Starts the compared servers, each in processes of its own: Headway by the command of `npm start`, and its peers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch } from '../test/support/launch.ts';
import { freePort } from '../test/support/ports.ts';
import { processorTimeMs, residentMb } from './processes.ts';

const root = path.join(import.meta.dirname, '..');

export interface Usage {
  /** Processor time of the server with its runners. */
  readonly cpuMs: number;
  /** Of the server alone. */
  readonly rssMb: number;
}

export class Server {
  readonly url: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.child = child;
    this.url = url;
  }

  /**
   * Headway as `npm start` runs it: the same command and flags, and all settings at their defaults but those that
   * are given here. Its output goes nowhere.
   */
  static async startShipped(databaseUrl: string, settings: Record<string, string> = {}): Promise<Server> {
    const port = await freePort();
    const child = launch('sh', ['-c', startCommand()], {
      cwd: root,
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        HEADWAY_JOBS_DIR: path.join(import.meta.dirname, 'jobs'),
        ...settings,
      },
      stdio: 'ignore',
    });
    const server = new Server(child, `http://127.0.0.1:${port}`);
    await server.becomesReady();
    return server;
  }

  /** A script of `bench`, which sends a message with its URL. It runs with Node's own defaults. */
  static async startPeer(script: string, args: readonly string[]): Promise<Server> {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, script), ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    return new Server(child, url);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async usage(): Promise<Usage> {
    return { cpuMs: await processorTimeMs(this.pid), rssMb: await residentMb(this.pid) };
  }

  async stop(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    else this.child.kill('SIGINT');
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  private async becomesReady(): Promise<void> {
    for (;;) {
      if (this.child.exitCode !== null) throw new Error('Headway has not started');
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      await sleep(50);
    }
  }
}

function startCommand(): string {
  const { scripts } = createRequire(import.meta.url)('../package.json') as { scripts: { start: string } };
  return scripts.start;
}
