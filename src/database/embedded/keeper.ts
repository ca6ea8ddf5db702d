/**
 * Starts the server again when it has ended while it is in use: killed, out of memory, or stopped by hand.
 */

import { seldom } from '../../logging/seldom.ts';
import { Loop } from '../../scheduling/loop.ts';
import { messageOf } from '../error-text.ts';
import type { Layout } from './layout.ts';
import { tryLock } from './lock.ts';
import { isServerRunning } from './processes.ts';

export interface KeeperOptions {
  readonly layout: Layout;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /** Joins the server where another process was faster, else starts it. Called under the start lock. */
  restart(): Promise<void>;
}

const turnMs = 500;

export class Keeper {
  private readonly options: KeeperOptions;
  private readonly loop: Loop;
  private readonly sayEnded: () => void;

  constructor(options: KeeperOptions) {
    this.options = options;
    const warn = () => seldom((message: string) => options.log('warn', message));
    const [ended, failed] = [warn(), warn()];
    this.sayEnded = () => ended(`PostgreSQL in ${options.layout.root} has ended: starting it again`);
    this.loop = new Loop({
      intervalMs: turnMs,
      run: () => this.turn(),
      onError: (error) => failed(`PostgreSQL cannot be started again: ${messageOf(error)}`),
    });
  }

  start(): void {
    this.loop.start();
  }

  /** Resolves when a start under way has ended. */
  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async turn(): Promise<void> {
    const { layout, restart } = this.options;
    if (await isServerRunning(layout.cluster)) return;
    // Only one of the processes that use the server starts it. A process that stops it for good holds the
    // lock too.
    const starting = tryLock(layout.startLock, 'exclusive');
    if (starting === null) return;
    try {
      this.sayEnded();
      await restart();
    } finally {
      starting.release();
    }
  }
}
