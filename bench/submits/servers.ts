/** Starts the compared servers, each in processes of its own: Headway as `npm start` runs it, and the textbook. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/ports.ts';
import { processorTimeMs } from '../processor-time.ts';

const root = path.join(import.meta.dirname, '../..');

export class SubmitServer {
  readonly url: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.child = child;
    this.url = url;
  }

  static async startTextbook(databaseUrl: string): Promise<SubmitServer> {
    const child = fork(path.join(import.meta.dirname, 'textbook.ts'), [databaseUrl], {
      execArgv: nodeFlags(),
    });
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    return new SubmitServer(child, url);
  }

  static async startHeadway(databaseUrl: string, runners: number): Promise<SubmitServer> {
    const port = await freePort();
    const child = spawn(process.execPath, [...nodeFlags(), path.join(root, 'src/main.ts'), 'serve'], {
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        HEADWAY_RUNNERS: String(runners),
        HEADWAY_JOBS_DIR: path.join(import.meta.dirname, '../jobs'),
      },
      stdio: 'ignore',
    });
    const server = new SubmitServer(child, `http://127.0.0.1:${port}`);
    await server.becomesReady();
    return server;
  }

  /** Of the server and its runners. */
  processorTimeMs(): Promise<number> {
    return processorTimeMs(this.child.pid ?? 0);
  }

  async stop(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    else this.child.kill('SIGINT');
    if (this.child.exitCode === null) await once(this.child, 'exit');
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

/** The flags with which `npm start` runs Node. */
function nodeFlags(): string[] {
  const { scripts } = createRequire(import.meta.url)('../../package.json') as { scripts: { start: string } };
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}
