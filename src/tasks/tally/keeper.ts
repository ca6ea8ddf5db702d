/** What every parent does with the tally: it folds it every 5 s, and makes old minutes coarser now and then. */
import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { isPassingError } from '../../database/error-kinds.ts';
import { seldom } from '../../logging/seldom.ts';
import { Loop } from '../../scheduling/loop.ts';
import { monotonicMs } from '../../scheduling/monotonic.ts';
import { foldTally } from './fold.ts';
import { coarsen } from './minutes.ts';

export interface TallyKeeperOptions {
  readonly db: Database;
  readonly log: Logger;
  /** The time between two folds; default 5,000. */
  readonly intervalMs?: number;
}

const coarsenMs = 600_000;
/**
 * From one fold to the next at least so many times the duration of the fold goes by. A fold is long after an
 * outage, and where a transaction left open keeps PostgreSQL from clearing deleted rows away.
 */
const restPerFold = 20;

export class TallyKeeper {
  private readonly options: TallyKeeperOptions;
  private readonly stopping = new AbortController();
  private readonly loop: Loop;
  private nextFoldMs = 0;
  private nextCoarsenMs = 0;

  constructor(options: TallyKeeperOptions) {
    this.options = options;
    const { log } = options;
    const cannot = seldom((error: unknown) => log.error({ err: error }, 'the tally could not be folded'));
    this.loop = new Loop({
      intervalMs: options.intervalMs ?? 5_000,
      run: () => this.turn(),
      onError: (error) => {
        // The reaper logs that the database is away.
        if (isPassingError(error)) log.debug({ err: error }, 'the tally could not be folded; tries again');
        else cannot(error);
      },
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

  private async turn(): Promise<void> {
    const { pool } = this.options.db;
    const { signal } = this.stopping;
    const begunMs = monotonicMs();
    if (begunMs < this.nextFoldMs) return;
    await foldTally(pool, signal);
    this.nextFoldMs = begunMs + restPerFold * (monotonicMs() - begunMs);
    if (begunMs < this.nextCoarsenMs) return;
    await coarsen(pool, signal);
    this.nextCoarsenMs = begunMs + coarsenMs;
  }
}
