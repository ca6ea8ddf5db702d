/** The second argument of a job: its calls for progress, checkpoints, files and the end. */
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
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** The last checkpoint of an earlier attempt; undefined if there is none. */
  readonly resumeFrom: unknown;
  /**
   * Aborts on cancel, time-out, lost lease and shutdown; its reason is an `AttemptAborted` or a
   * `LostAttempt`.
   */
  readonly signal: AbortSignal;
  /**
   * Tells how far the job is. Call it as often as you like: a call costs nanoseconds, and never waits or
   * throws.
   */
  progress(done: number, total?: number, message?: string): void;
  /** What `done` and `total` count, such as `rows` or `bytes`. */
  setUnit(unit: string): void;
  /** Iterates over `items` and reports each as done. When the signal aborts, throws the signal's reason. */
  track<Item>(items: Iterable<Item> | AsyncIterable<Item>, options?: TrackOptions): AsyncIterable<Item>;
  /** Adds a line to the log on the task's page: at most 200 lines of 1,000 characters per attempt. */
  log(text: string): void;
  /**
   * Stores `state` as JSON, from which the next attempt resumes, and commits the writes of `work` with it.
   * Resolves when both are durable. Tries again through an outage, so `work` may run more than once and must
   * touch only `tx`.
   * @throws {LostAttempt} when the task was taken from this attempt; also any error that `work` itself throws
   */
  checkpoint(state: unknown, work?: TransactionWork): Promise<void>;
  /**
   * Ends the task as succeeded and commits `work` with it: `return task.finish(result, work)`.
   * Waits, tries again and throws as `checkpoint` does.
   */
  finish<Result>(result: Result, work: TransactionWork): Promise<Result>;
  /** Reads from the database; repeats the read while the database is out of reach. */
  read<Value>(work: (db: Transaction) => Promise<Value>): Promise<Value>;
  /** A file that the task's input names. */
  openFile(id: string): Promise<JobFile>;
}
