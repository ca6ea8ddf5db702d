/** What a parent tidies up once a minute: expired tasks, files and imports that nobody owns. */
import type { Logger } from 'pino';
import { Counts } from './counts.ts';
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

/** What it deletes, and what each kind counts. */
export const sweptKinds = {
  task: 'finished tasks that had expired',
  file: 'uploads that broke off, and files of deleted tasks',
  import_row: 'rows of imports that no dataset shows and nobody goes on with',
} as const;

export type SweptKind = keyof typeof sweptKinds;

export class Sweeper {
  /** What it has deleted since the start. */
  readonly swept = new Counts<SweptKind>();
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
    const { db } = this.options;
    const { signal } = this.stopping;
    this.report('task', await deleteExpired(db.pool, signal));
    // After the tasks, as their files and imports are left to these two.
    if (!signal.aborted) this.report('file', await sweepFiles(db.pool, signal));
    if (!signal.aborted) this.report('import_row', await sweepReplacedImports(db));
  }

  private report(swept: SweptKind, count: number): void {
    if (count === 0) return;
    this.swept.add(swept, count);
    this.options.log.info({ swept, count }, 'deleted');
  }
}
