/** What a parent tidies up once a minute: expired tasks, files that nobody owns, and what jobs have left behind. */
import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { isPassingError } from '../../database/error-kinds.ts';
import { Counts } from '../../logging/counts.ts';
import { seldom } from '../../logging/seldom.ts';
import { Loop } from '../../scheduling/loop.ts';
import { sweepFiles } from './file-sweep.ts';
import { deleteExpired } from './retention.ts';

export interface SweeperOptions {
  readonly db: Database;
  readonly log: Logger;
  /** The sweeps of jobs that come with Headway. */
  readonly sweeps?: readonly Sweep[];
  /** The time between two sweeps; default 60,000. */
  readonly intervalMs?: number;
}

/** How one kind of leftovers is deleted. */
export interface Sweep {
  /** Its name in the log and in metrics. */
  readonly kind: string;
  /** What is counted, in words. */
  readonly meaning: string;
  /**
   * Deletes what is left over, in batches; `signal` ends it between two batches.
   * @returns how many things were deleted
   */
  run(db: Database, signal: AbortSignal): Promise<number>;
}

const ownSweeps: readonly Sweep[] = [
  {
    kind: 'task',
    meaning: 'finished tasks that had expired',
    run: ({ pool }, signal) => deleteExpired(pool, signal),
  },
  {
    // This sweep follows the one of tasks, which leaves their files to it.
    kind: 'file',
    meaning: 'uploads that broke off, and files of deleted tasks',
    run: ({ pool }, signal) => sweepFiles(pool, signal),
  },
];

interface Step extends Sweep {
  fail(error: unknown): void;
}

export class Sweeper {
  /** What it has deleted since the start. */
  readonly swept = new Counts<string>();
  private readonly options: SweeperOptions;
  private readonly stopping = new AbortController();
  private readonly loop: Loop;
  private readonly steps: readonly Step[];

  constructor(options: SweeperOptions) {
    this.options = options;
    this.steps = [...ownSweeps, ...(options.sweeps ?? [])].map((sweep) => this.step(sweep));
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

  /** The kinds of leftovers, and what is counted of each. */
  get kinds(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.steps.map(({ kind, meaning }) => [kind, meaning]));
  }

  private step(sweep: Sweep): Step {
    const { log } = this.options;
    const swept = sweep.kind;
    const cannot = seldom((error: unknown) =>
      log.error({ err: error, swept }, 'this kind could not be swept'),
    );
    const fail = (error: unknown) => {
      // The reaper logs that the database is away.
      if (isPassingError(error))
        log.debug({ err: error, swept }, 'this kind could not be swept; the next sweep tries again');
      else cannot(error);
    };
    return { ...sweep, fail };
  }

  private async sweep(): Promise<void> {
    const { signal } = this.stopping;
    for (const { kind, run, fail } of this.steps) {
      if (signal.aborted) return;
      // A kind that cannot be deleted must not keep the others from being deleted.
      await run(this.options.db, signal).then((count) => this.report(kind, count), fail);
    }
  }

  private report(swept: string, count: number): void {
    if (count === 0) return;
    this.swept.add(swept, count);
    this.options.log.info({ swept, count }, 'deleted by the sweep');
  }
}
