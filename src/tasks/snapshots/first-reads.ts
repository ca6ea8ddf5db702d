/**
 * Reads tasks that memory cannot answer for. A read starts at once, unless a statement is in flight or began
 * a moment ago: then all ids that are asked for meanwhile share the next statement. This begins after they
 * were asked for, so nobody gets an answer that is older than the question.
 */
import { Slice } from '../../scheduling/slice.ts';
import type { TaskRow } from '../model/row.ts';
import type { RowsRead } from './rows.ts';

export type ReadRows = (ids: readonly string[]) => Promise<RowsRead>;

/** The least time between two statements: any number of ids costs at most 91 statements a second. */
const spacingMs = 11;
const batchSize = 1_000;
/**
 * How long the answers of one statement may keep other work waiting. An answer with a large result takes
 * milliseconds to make, and a statement may return a hundred of them.
 */
const sliceMs = 10;

/** The most single ids that wait, and the most ids of requests for many: each a few statements. */
export const maxWaiting = 5_000;

/** Somebody who waits for a read. */
export interface Asker {
  /** Whether the asker no longer waits: it has another answer, or its connection has ended. */
  readonly hasLeft: boolean;
}

export interface ReadOptions {
  /** Whether the request asks for many ids. Ids that are asked for alone are read before these. */
  readonly isOneOfMany?: boolean;
  /** Undefined: the task is read in any case, and the read is never refused. */
  readonly asker?: Asker;
}

/** Thrown when too many tasks wait to be read. */
export class TooManyReadsError extends Error {
  override name = 'TooManyReadsError';
}

/** Rejects a read that was dropped because all its askers have left, so nobody sees this error. */
export class AbandonedReadError extends Error {
  override name = 'AbandonedReadError';
}

interface Waiting {
  readonly promise: Promise<TaskRow | undefined>;
  readonly resolve: (row: TaskRow | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly isOneOfMany: boolean;
  /** Undefined if some read of the task has no asker: then the task is read in any case. */
  readonly askers: Asker[] | undefined;
}

export class FirstReads {
  private readonly readRows: ReadRows;
  private readonly next = new Map<string, Waiting>();
  /** Ids of requests for many. A statement takes them only as far as single ids leave room. */
  private readonly nextOfMany = new Map<string, Waiting>();
  /** The reads that the statement in flight answers. */
  private inFlight: ReadonlyMap<string, Waiting> | undefined;
  private lastStartMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(readRows: ReadRows) {
    this.readRows = readRows;
  }

  /**
   * The row as it is after this call began; undefined for an unknown id.
   * @throws {TooManyReadsError} when too many ids wait already
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

  /** Whether one more id would be taken, and not refused. */
  hasRoom(isOneOfMany: boolean): boolean {
    return (isOneOfMany ? this.nextOfMany : this.next).size < maxWaiting;
  }

  /** Whether the statement in flight reads this id. */
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
        // Lets those who asked make an answer from the row now, as part of this slice.
        await undefined;
        if (slice.isOver) await slice.next();
      }
      for (const id of deferred) this.defer(id, batch);
      // Reads whose row came are settled already. The ids of the others are unknown.
      for (const waiting of batch.values()) waiting.resolve(undefined);
    } catch (error) {
      for (const waiting of batch.values()) waiting.reject(error);
    } finally {
      this.inFlight = undefined;
      this.schedule();
    }
  }

  /** Moves a read to a later statement, together with reads of the same id that were asked for since. */
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
        // All who asked have left, so nobody sees this error.
        if (waiting.askers?.every(({ hasLeft }) => hasLeft))
          waiting.reject(new AbandonedReadError('Nobody waits for this task any more'));
        else batch.set(id, waiting);
      }
    }
    return batch;
  }
}

function newWaiting(): Waiting {
  const waiting = Promise.withResolvers<TaskRow | undefined>();
  // Those who asked may have given up before the read fails. Then nobody else handles the rejection.
  waiting.promise.catch(() => undefined);
  return { ...waiting, isOneOfMany: true, askers: [] };
}
