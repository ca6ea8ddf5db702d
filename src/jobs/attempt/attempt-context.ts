/** The `TaskContext` of a running attempt: it implements the calls that a job makes. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isPassingError, isStatementLimit } from '../../database/error-kinds.ts';
import { orAborted } from '../../scheduling/abort.ts';
import { findFile, readChunk } from '../../tasks/files/files.ts';
import { readAttemptState, writeCheckpoint } from '../../tasks/life/checkpoint.ts';
import { type AttemptRef, type RunSql, succeedWithin } from '../../tasks/life/end.ts';
import type { ProgressCounter } from '../../tasks/progress/counter.ts';
import type { ClaimedAttempt } from '../../tasks/queue/claim.ts';
import type { Store } from '../../tasks/store.ts';
import { LostAttempt, PermanentError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import type { JobFile, TaskContext, TrackOptions, Transaction, TransactionWork } from '../task-context.ts';
import type { DatabaseTrouble } from './database-trouble.ts';
import { type Persistence, persist } from './persist.ts';
import { readAhead } from './read-ahead.ts';

/**
 * The context whose checkpoint or finish is running the current `work`. A checkpoint or finish called there
 * would wait for itself.
 */
const insideWork = new AsyncLocalStorage<AttemptContext>();

/**
 * After this many time-outs, while the database answers other statements, the job's transaction itself is too
 * slow.
 */
const maxLimitsMet = 3;

class TransactionTooSlow extends Error {
  override name = 'TransactionTooSlow';
  readonly code = 'transaction_too_slow';

  constructor() {
    super(
      'The writes of a checkpoint or finish exceeded a time limit again and again: each statement may take 60 s, and the pause between two statements 5 s',
    );
  }
}

/** A job's transaction may take this long, in milliseconds; its statements still have their own limits. */
const transactionLimits = { maxWait: 30_000, timeout: 600_000 };
const keptCheckpoint = {
  name: 'A checkpoint',
  root: 'checkpoint',
  maxBytes: 1024 * 1024,
  errorCode: 'invalid_checkpoint',
};
/**
 * A `track` loop whose items are all ready gives the event loop a turn this often, so that a cancel can reach
 * the attempt.
 */
const turnMs = 20;

export interface AttemptContextOptions {
  readonly claimed: ClaimedAttempt;
  readonly store: Store;
  readonly databaseTrouble: DatabaseTrouble;
  readonly counter: ProgressCounter;
  readonly signal: AbortSignal;
  /**
   * Aborts when the attempt has lost its task, so that the job's writes no longer count; its reason is a
   * `LostAttempt`.
   */
  readonly over: AbortSignal;
  encodeResult(result: unknown): Promise<string>;
  /** Called before the end is written. When it resolves, no flush touches the row any more. */
  onFinishing(): Promise<void>;
  /** Called when the end was not written, such as when the job's own writes threw: the attempt goes on. */
  onFinishRefused(): void;
}

export class AttemptContext implements TaskContext {
  readonly id: string;
  readonly type: string;
  readonly attempt: number;
  readonly resumeFrom: unknown;
  readonly signal: AbortSignal;
  hasFinished = false;
  private readonly options: AttemptContextOptions;
  private readonly counter: ProgressCounter;
  private checkpointNo: number;
  /**
   * The latest write that the job asked for. Checkpoints are numbered, so each write waits for the one
   * before.
   */
  private lastWrite: Promise<void> = Promise.resolve();

  constructor(options: AttemptContextOptions) {
    const { claimed, signal, counter } = options;
    this.options = options;
    this.counter = counter;
    this.id = claimed.taskId;
    this.type = claimed.type;
    this.attempt = claimed.attempt;
    this.resumeFrom = claimed.checkpoint ?? undefined;
    this.checkpointNo = claimed.checkpointNo;
    this.signal = signal;
  }

  // Arrow functions, so that a job may take them out of the context: `const { progress } = task`.
  progress = (done: number, total?: number, message?: string): void => {
    this.counter.progress(done, total, message);
  };

  setUnit = (unit: string): void => this.counter.setUnit(unit);

  log = (text: string): void => this.counter.addLogLine(text);

  track = async function* track<Item>(
    this: AttemptContext,
    items: Iterable<Item> | AsyncIterable<Item>,
    options: TrackOptions = {},
  ): AsyncGenerator<Item> {
    if (options.unit !== undefined) this.setUnit(options.unit);
    this.progress(0, options.total);
    let done = 0;
    let turnedAt = performance.now();
    for await (const item of items) {
      this.signal.throwIfAborted();
      yield item;
      done += 1;
      this.progress(done);
      if (performance.now() - turnedAt > turnMs) {
        await nextTurn();
        turnedAt = performance.now();
      }
    }
    this.signal.throwIfAborted();
  }.bind(this) as TaskContext['track'];

  checkpoint = async (state: unknown, work?: TransactionWork): Promise<void> => {
    const json = encodeJson(state, keptCheckpoint);
    await this.inTurn(async () => {
      const knownNo = this.checkpointNo;
      await this.fenced(
        work,
        (run) => writeCheckpoint(this.ref, json, knownNo, run),
        (state) => state.isOwned && state.checkpointNo === knownNo + 1,
      );
      this.checkpointNo = knownNo + 1;
    });
  };

  finish = async <Result>(result: Result, work: TransactionWork): Promise<Result> => {
    // Encode the result at once, because the job may change it while this call waits for its turn. If it
    // cannot be encoded, the call throws when its turn comes.
    const encoded = this.options.encodeResult(result);
    encoded.catch(() => undefined);
    await this.inTurn(async () => {
      await this.writeEnd(await encoded, work);
      this.hasFinished = true;
    });
    return result;
  };

  read = <Value>(work: (db: Transaction) => Promise<Value>): Promise<Value> =>
    this.patiently(() => work(this.options.store.db.prisma));

  openFile = async (id: string): Promise<JobFile> => {
    const { db } = this.options.store;
    const file = await this.patiently(() => findFile(db, id));
    if (!file) throw new PermanentError(`The file ${id} does not exist`, { code: 'file_missing' });
    const { name, contentType, size } = file;
    return { name, contentType, size, read: (fromByte = 0) => this.readPatiently(id, fromByte) };
  };

  private async writeEnd(result: string, work: TransactionWork): Promise<void> {
    await this.options.onFinishing();
    const report = this.counter.take(performance.now());
    const ending = { ...this.ref, result, report };
    try {
      await this.fenced(
        work,
        (run) => succeedWithin(this.options.store, ending, run),
        (state) => state.hasEnded,
      );
    } catch (error) {
      this.counter.putBack(report);
      this.options.onFinishRefused();
      throw error;
    }
  }

  /**
   * Runs the writes of a job in the order of its calls: the job may make several calls without awaiting them.
   */
  private inTurn(write: () => Promise<void>): Promise<void> {
    if (insideWork.getStore() === this) {
      throw new PermanentError('A checkpoint or finish cannot be called inside the writes of another', {
        code: 'nested_transaction',
      });
    }
    if (this.hasFinished)
      throw new PermanentError('The task has been finished', { code: 'already_finished' });
    const written = this.lastWrite.then(write);
    // The catch also prevents an unhandled rejection when a write fails that the job does not await.
    this.lastWrite = written.catch(() => undefined);
    return written;
  }

  /** Resolves when all writes that the job has asked for have committed or failed. */
  settled(): Promise<void> {
    return this.lastWrite;
  }

  private get ref(): AttemptRef {
    return { taskId: this.id, attempt: this.attempt };
  }

  /**
   * Runs the job's own writes, then Headway's fenced write, then COMMIT, so that the task's row is locked
   * only at the very end. Commits exactly once, also when the answer to a COMMIT is lost.
   * @param hasCommitted whether the row shows that an earlier try has committed
   */
  private async fenced(
    work: TransactionWork | undefined,
    write: (run: RunSql) => Promise<boolean>,
    hasCommitted: (state: Awaited<ReturnType<typeof readAttemptState>>) => boolean,
  ): Promise<void> {
    const { store, over } = this.options;
    let limitsMet = 0;
    const attempt = async () => {
      over.throwIfAborted();
      try {
        await store.db.prisma.$transaction(async (tx) => {
          if (work) await this.runWork(work, tx);
          if (!(await write((text, values) => runIn(tx, text, values)))) throw new LostAttempt();
        }, transactionLimits);
      } catch (error) {
        // An earlier try may have committed while this one waited for the row, or for a unique key of the
        // job's own tables. Then the write has succeeded.
        if (!isPassingError(error) && hasCommitted(await readAttemptState(store, this.ref))) return true;
        if (isStatementLimit(error)) limitsMet += 1;
        if (limitsMet === maxLimitsMet) throw new TransactionTooSlow();
        throw error;
      }
      return true;
    };
    const settled = async () => {
      const state = await readAttemptState(store, this.ref);
      if (hasCommitted(state)) return true;
      if (!state.isOwned) throw new LostAttempt();
      return undefined;
    };
    await persist(attempt, settled, this.persistence);
  }

  /**
   * Runs the job's own writes. A callback that never settles must not keep its connection when the attempt is
   * over.
   */
  private async runWork(work: TransactionWork, tx: Transaction): Promise<void> {
    const { over } = this.options;
    over.throwIfAborted();
    await orAborted(
      insideWork.run(this, () => work(tx)),
      over,
    );
  }

  private patiently<T>(read: () => Promise<T>): Promise<T> {
    return persist(read, async () => undefined, this.persistence);
  }

  private get persistence(): Persistence {
    return {
      onTrouble: (error) => {
        // When a statement of the job exceeds its time limit, this says nothing about the database.
        if (!isStatementLimit(error)) this.options.databaseTrouble.note(error);
      },
    };
  }

  /** Reads a file chunk by chunk. After an outage of the database, it goes on at the same offset. */
  private async *readPatiently(id: string, fromByte: number): AsyncGenerator<Buffer> {
    const read = (offset: number) => this.patiently(() => readChunk(this.options.store.db, id, offset));
    for await (const chunk of readAhead(read, fromByte)) {
      yield chunk;
      this.signal.throwIfAborted();
    }
  }
}

function runIn(tx: Transaction, text: string, values: unknown[]): Promise<AttemptRef[]> {
  return tx.$queryRawUnsafe<AttemptRef[]>(text, ...values);
}
