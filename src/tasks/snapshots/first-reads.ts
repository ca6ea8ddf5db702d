/**
 * Reads that memory cannot answer. They go at once, one statement in flight; ids that are asked for
 * meanwhile share the next one, which begins after they came: nobody gets an answer from before the question.
 */
import { Slice } from '../../scheduling/slice.ts';
import type { TaskRow } from '../model/row.ts';
import type { RowsRead } from './rows.ts';

export type ReadRows = (ids: readonly string[]) => Promise<RowsRead>;

/** Statements begin at least so far apart, so that any number of unknown tasks costs at most 91 a second. */
const spacingMs = 11;
const batchSize = 1_000;
/** Of a row with a large result the answer is made in milliseconds, and a statement may bring a hundred of them. */
const sliceMs = 10;

/** So many ids may wait that are asked for alone, and as many others: a few statements. */
export const maxWaiting = 5_000;

/** Who waits for a read. */
export interface Asker {
  /** Has been answered otherwise, or has gone. */
  readonly hasLeft: boolean;
}

export interface ReadOptions {
  /** As of the members of a group: those that are asked for alone go first. */
  readonly isOneOfMany?: boolean;
  /** Without one, it is read in any case, and never refused. */
  readonly asker?: Asker;
}

/** More tasks are asked for that are not in memory than are read in a moment. */
export class TooManyReadsError extends Error {
  override name = 'TooManyReadsError';
}

/** Nobody waits for it any more: told to nobody. */
export class AbandonedReadError extends Error {
  override name = 'AbandonedReadError';
}

interface Waiting {
  readonly promise: Promise<TaskRow | undefined>;
  readonly resolve: (row: TaskRow | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly isOneOfMany: boolean;
  /** Undefined where somebody asks who never leaves. */
  readonly askers: Asker[] | undefined;
}

export class FirstReads {
  private readonly readRows: ReadRows;
  private readonly next = new Map<string, Waiting>();
  /** Those that are asked for by the thousand have the room that the others leave. */
  private readonly nextOfMany = new Map<string, Waiting>();
  /** What the statement in flight asks for. */
  private inFlight: ReadonlyMap<string, Waiting> | undefined;
  private lastStartMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(readRows: ReadRows) {
    this.readRows = readRows;
  }

  /**
   * The row as it is after this call began; undefined for an unknown id.
   * @throws {TooManyReadsError} where too many wait already
   */
  read(id: string, options: ReadOptions = {}): Promise<TaskRow | undefined> {
    const { isOneOfMany = false, asker } = options;
    const known = this.next.get(id) ?? this.nextOfMany.get(id);
    if (!known && asker && !this.hasRoom(isOneOfMany)) {
      return Promise.reject(new TooManyReadsError('Too many tasks are waited for'));
    }
    const waiting = known ?? newWaiting();
    if (asker) waiting.askers?.push(asker);
    this.nextOfMany.delete(id);
    this.add(id, {
      ...waiting,
      isOneOfMany: isOneOfMany && waiting.isOneOfMany,
      askers: asker && waiting.askers,
    });
    this.schedule();
    return waiting.promise;
  }

  /** Whether one more that is asked for would be read, or is refused. */
  hasRoom(isOneOfMany: boolean): boolean {
    return (isOneOfMany ? this.nextOfMany : this.next).size < maxWaiting;
  }

  /** Whether a statement that has begun will tell of this id. */
  isReading(id: string): boolean {
    return this.inFlight?.has(id) === true;
  }

  private schedule(): void {
    if (this.inFlight || this.timer || this.next.size + this.nextOfMany.size === 0) return;
    const waitMs = this.lastStartMs + spacingMs - performance.now();
    if (waitMs <= 0) {
      void this.readNext();
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.readNext();
    }, waitMs);
  }

  private async readNext(): Promise<void> {
    const batch = this.takeBatch();
    if (batch.size === 0) return;
    this.inFlight = batch;
    this.lastStartMs = performance.now();
    try {
      const { rows, deferred } = await this.readRows([...batch.keys()]);
      const slice = new Slice(sliceMs);
      for (const row of rows) {
        batch.get(row.id)?.resolve(row);
        // Whoever asked makes an answer of it now.
        await undefined;
        if (slice.isOver) await slice.next();
      }
      for (const id of deferred) this.defer(id, batch);
      // Those whose row came are settled already; the others are unknown.
      for (const waiting of batch.values()) waiting.resolve(undefined);
    } catch (error) {
      for (const waiting of batch.values()) waiting.reject(error);
    } finally {
      this.inFlight = undefined;
      this.schedule();
    }
  }

  /** To the next statement, with whoever has asked for the same since. */
  private defer(id: string, batch: Map<string, Waiting>): void {
    const waiting = batch.get(id);
    if (!waiting) return;
    batch.delete(id);
    const later = this.next.get(id) ?? this.nextOfMany.get(id);
    if (!later) {
      this.add(id, waiting);
      return;
    }
    later.promise.then(waiting.resolve, waiting.reject);
    const askers = later.askers && waiting.askers && [...later.askers, ...waiting.askers];
    this.add(id, { ...later, askers });
  }

  private add(id: string, waiting: Waiting): void {
    (waiting.isOneOfMany ? this.nextOfMany : this.next).set(id, waiting);
  }

  private takeBatch(): Map<string, Waiting> {
    const batch = new Map<string, Waiting>();
    for (const queue of [this.next, this.nextOfMany]) {
      for (const [id, waiting] of queue) {
        if (batch.size === batchSize) return batch;
        queue.delete(id);
        // Of those who asked none waits any more: nobody hears of this.
        if (waiting.askers?.every(({ hasLeft }) => hasLeft))
          waiting.reject(new AbandonedReadError('Nobody waits for it'));
        else batch.set(id, waiting);
      }
    }
    return batch;
  }
}

function newWaiting(): Waiting {
  const waiting = Promise.withResolvers<TaskRow | undefined>();
  // Whoever asked may have given up by the time of a failure.
  waiting.promise.catch(() => undefined);
  return { ...waiting, isOneOfMany: true, askers: [] };
}
