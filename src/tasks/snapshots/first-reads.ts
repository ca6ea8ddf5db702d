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

interface Waiting {
  readonly promise: Promise<TaskRow | undefined>;
  readonly resolve: (row: TaskRow | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly isOneOfMany: boolean;
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
   * @param isOneOfMany as of the members of a group: those that are asked for alone go first
   */
  read(id: string, isOneOfMany = false): Promise<TaskRow | undefined> {
    const waiting = this.next.get(id) ?? this.nextOfMany.get(id) ?? newWaiting();
    this.nextOfMany.delete(id);
    this.add(id, { ...waiting, isOneOfMany: isOneOfMany && waiting.isOneOfMany });
    this.schedule();
    return waiting.promise;
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
    if (later) later.promise.then(waiting.resolve, waiting.reject);
    else this.add(id, waiting);
  }

  private add(id: string, waiting: Waiting): void {
    (waiting.isOneOfMany ? this.nextOfMany : this.next).set(id, waiting);
  }

  private takeBatch(): Map<string, Waiting> {
    const batch = new Map<string, Waiting>();
    for (const queue of [this.next, this.nextOfMany]) {
      for (const [id, waiting] of queue) {
        if (batch.size === batchSize) return batch;
        batch.set(id, waiting);
        queue.delete(id);
      }
    }
    return batch;
  }
}

function newWaiting(): Waiting {
  const waiting = Promise.withResolvers<TaskRow | undefined>();
  // Whoever asked may have given up by the time of a failure.
  waiting.promise.catch(() => undefined);
  return { ...waiting, isOneOfMany: true };
}
