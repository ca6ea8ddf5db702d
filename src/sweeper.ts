/** What a parent tidies up once a minute: expired tasks, files and imports that nobody owns. */
import type { Logger } from 'pino';
import type { Database } from './database/database.ts';
import { sweepReplacedImports } from './datasets/sweep.ts';
import { Loop } from './loop.ts';
import { sweepFiles } from './tasks/file-sweep.ts';
import { deleteExpired } from './tasks/retention.ts';

export interface SweeperOptions {
  readonly db: Database;
  readonly log: Logger;
  /** Default 60,000. */
  readonly intervalMs?: number;
}

export class Sweeper {
  private readonly options: SweeperOptions;
  private readonly stopping = new AbortController();
  private readonly loop: Loop;

  constructor(options: SweeperOptions) {
    this.options = options;
    this.loop = new Loop({
      intervalMs: options.intervalMs ?? 60_000,
      run: () => this.sweep(),
      onError: (error) => options.log.debug({ err: error }, 'sweep failed; the next one goes on'),
    });
  }

  start(): void {
    this.loop.start();
  }

  /** Resolves when the batch under way has ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop.stop();
  }

  private async sweep(): Promise<void> {
    const { db, log } = this.options;
    const { signal } = this.stopping;
    const tasks = await deleteExpired(db.pool, signal);
    if (tasks > 0) log.info({ tasks }, 'expired tasks deleted');
    // After the tasks, as their files and imports are left to these two.
    if (!signal.aborted) await sweepFiles(db.pool, signal);
    if (!signal.aborted) await sweepReplacedImports(db);
  }
}
