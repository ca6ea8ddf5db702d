/** What a parent tidies up once a minute: expired tasks, files and imports that nobody owns. */
import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { isPassingError } from '../../database/errors.ts';
import { sweepReplacedImports } from '../../jobs/csv-import/sweep.ts';
import { seldom } from '../../logging/seldom.ts';
import { Counts } from '../../metrics/counts.ts';
import { Loop } from '../../scheduling/loop.ts';
import { sweepFiles } from './file-sweep.ts';
import { deleteExpired } from './retention.ts';

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

interface Step {
  readonly swept: SweptKind;
  /** Answers how many it has deleted. */
  run(): Promise<number>;
  fail(error: unknown): void;
}

export class Sweeper {
  /** What it has deleted since the start. */
  readonly swept = new Counts<SweptKind>();
  private readonly options: SweeperOptions;
  private readonly stopping = new AbortController();
  private readonly loop: Loop;
  private readonly steps: readonly Step[];

  constructor(options: SweeperOptions) {
    this.options = options;
    const { db } = options;
    const { signal } = this.stopping;
    this.steps = [
      this.step('task', () => deleteExpired(db.pool, signal)),
      // After the tasks, as their files and imports are left to these two.
      this.step('file', () => sweepFiles(db.pool, signal)),
      this.step('import_row', () => sweepReplacedImports(db, signal)),
    ];
    this.loop = new Loop({
      intervalMs: options.intervalMs ?? 60_000,
      run: () => this.sweep(),
      onError: (error) => options.log.error({ err: error }, 'sweep failed'),
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

  private step(swept: SweptKind, run: () => Promise<number>): Step {
    const { log } = this.options;
    const cannot = seldom((error: unknown) => log.error({ err: error, swept }, 'could not be deleted'));
    const fail = (error: unknown) => {
      // That the database is away is said by the reaper.
      if (isPassingError(error))
        log.debug({ err: error, swept }, 'could not be deleted; the next sweep does');
      else cannot(error);
    };
    return { swept, run, fail };
  }

  private async sweep(): Promise<void> {
    for (const { swept, run, fail } of this.steps) {
      if (this.stopping.signal.aborted) return;
      // One kind that cannot be deleted keeps no other.
      await run().then((count) => this.report(swept, count), fail);
    }
  }

  private report(swept: SweptKind, count: number): void {
    if (count === 0) return;
    this.swept.add(swept, count);
    this.options.log.info({ swept, count }, 'deleted');
  }
}
