/** Starts the compared servers, and asks them how much processor time they have used. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Question, ServerKind } from './server.ts';

export interface Usage {
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** The flags with which `npm start` runs Node. */
function nodeFlags(): string[] {
  const { scripts } = createRequire(import.meta.url)('../../package.json') as { scripts: { start: string } };
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

export class Server {
  readonly url: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.child = child;
    this.url = url;
  }

  static async start(kind: ServerKind, databaseUrl: string): Promise<Server> {
    const child = fork(path.join(import.meta.dirname, 'server.ts'), [kind, databaseUrl], {
      execArgv: nodeFlags(),
    });
    const [listening] = (await once(child, 'message')) as [{ url: string }];
    return new Server(child, listening.url);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Sets the answer of `bare`. */
  async answer(body: string, headers: Record<string, string>): Promise<void> {
    await this.ask({ kind: 'answer', body, headers });
  }

  async usage(): Promise<Usage> {
    return (await this.ask({ kind: 'usage' })) as Usage;
  }

  async stop(): Promise<void> {
    this.child.disconnect();
    await once(this.child, 'exit');
  }

  private async ask(question: Question): Promise<unknown> {
    this.child.send(question);
    const [reply] = await once(this.child, 'message');
    return reply;
  }
}
