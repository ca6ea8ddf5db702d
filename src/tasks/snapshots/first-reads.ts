/**
 * Reads that memory cannot answer. They go at once, one statement in flight; ids that are asked for
 * meanwhile share the next one, which begins after they came: nobody gets an answer from before the question.
 */
import { Slice } from '../../slice.ts';
import type { TaskRow } from '../row.ts';
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
}

export class FirstReads {
  private readonly readRows: ReadRows;
  private next = new Map<string, Waiting>();
  /** What the statement in flight asks for. */
  private inFlight: ReadonlyMap<string, Waiting> | undefined;
  private lastStartMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(readRows: ReadRows) {
    this.readRows = readRows;
  }

  /** The row as it is after this call began; undefined for an unknown id. */
  read(id: string): Promise<TaskRow | undefined> {
    const known = this.next.get(id);
    if (known) return known.promise;
    const waiting: Waiting = Promise.withResolvers<TaskRow | undefined>();
    // Whoever asked may have given up by the time of a failure.
    waiting.promise.catch(() => undefined);
    this.next.set(id, waiting);
    this.schedule();
    return waiting.promise;
  }

  /** Whether a statement that has begun will tell of this id. */
  isReading(id: string): boolean {
    return this.inFlight?.has(id) === true;
  }

  private schedule(): void {
    if (this.inFlight || this.timer || this.next.size === 0) return;
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
    const later = this.next.get(id);
    if (later) later.promise.then(waiting.resolve, waiting.reject);
    else this.next.set(id, waiting);
  }

  private takeBatch(): Map<string, Waiting> {
    if (this.next.size <= batchSize) {
      const all = this.next;
      this.next = new Map();
      return all;
    }
    const batch = new Map([...this.next].slice(0, batchSize));
    for (const id of batch.keys()) this.next.delete(id);
    return batch;
  }
}
