/** What a job is given beside its input. */
import type { Prisma } from '../generated/prisma/client.ts';

/** A job's writes that commit together with Headway's own, or not at all. */
export type Transaction = Prisma.TransactionClient;
export type TransactionWork = (tx: Transaction) => Promise<void>;

export interface TrackOptions {
  readonly total?: number;
  readonly unit?: string;
}

export interface JobFile {
  readonly name: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes from an offset on, read chunk by chunk as they are asked for. */
  read(fromByte?: number): AsyncIterable<Buffer>;
}

export interface TaskContext {
  readonly id: string;
  readonly type: string;
  /** From 1. */
  readonly attempt: number;
  /** The last checkpoint, by this attempt or an earlier one; undefined where there is none. */
  readonly resumeFrom: unknown;
  /** Aborts on cancel, time-out, lost lease and shutdown; its reason is an `AttemptAborted` or a `LostAttempt`. */
  readonly signal: AbortSignal;
  /** Says how far it is. Any number of calls: each costs nanoseconds, none waits or throws. */
  progress(done: number, total?: number, message?: string): void;
  /** What `done` and `total` count, such as `rows` or `bytes`. */
  setUnit(unit: string): void;
  /** Iterates over `items`, reports each as done, stops with the signal's reason when it aborts. */
  track<Item>(items: Iterable<Item> | AsyncIterable<Item>, options?: TrackOptions): AsyncIterable<Item>;
  /** Keeps a line for the page: at most 200 lines of 1,000 characters an attempt. */
  log(text: string): void;
  /**
   * Writes down where to resume, in JSON, and commits `work` with it. Resolves when it is durable; waits
   * and tries again through an outage, so `work` may run more than once and must touch only `tx`.
   * @throws {LostAttempt} when the task was taken from this attempt; whatever `work` throws of its own
   */
  checkpoint(state: unknown, work?: TransactionWork): Promise<void>;
  /**
   * Ends the task as succeeded and commits `work` with it: `return task.finish(result, work)`.
   * Waits, tries again and throws as `checkpoint` does.
   */
  finish<Result>(result: Result, work: TransactionWork): Promise<Result>;
  /** Reads from the database, again and again while it is out of reach. */
  read<Value>(work: (db: Transaction) => Promise<Value>): Promise<Value>;
  /** A file that the task's input names. */
  openFile(id: string): Promise<JobFile>;
}
