/** The `TaskContext` of a running attempt: what a job's calls do. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isPassingError, isStatementLimit } from '../../database/errors.ts';
import { orAborted } from '../../scheduling/abort.ts';
import { findFile, readChunk } from '../../tasks/files/files.ts';
import { readAttemptState, writeCheckpoint } from '../../tasks/life/checkpoint.ts';
import { type AttemptRef, type RunSql, succeedWithin } from '../../tasks/life/end.ts';
import type { ProgressCounter } from '../../tasks/progress/counter.ts';
import type { ClaimedAttempt } from '../../tasks/queue/claim.ts';
import type { Store } from '../../tasks/store.ts';
import { LostAttempt, PermanentError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import type { DatabaseContact } from '../runner/contact.ts';
import type { JobFile, TaskContext, TrackOptions, Transaction, TransactionWork } from '../task-context.ts';
import { type Persistence, persist } from './persist.ts';

/** Whether a call comes from inside the writes of a checkpoint or finish: waiting for its turn it would wait for itself. */
const insideWork = new AsyncLocalStorage<AttemptContext>();

/** A transaction that has met a limit so often, while the database answers otherwise, is too slow by itself. */
const maxLimitsMet = 3;

class TransactionTooSlow extends Error {
  override name = 'TransactionTooSlow';
  readonly code = 'transaction_too_slow';

  constructor() {
    super(
      'The writes of a checkpoint or finish met a limit again and again: each statement may take 60 s, with less than 5 s between them',
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
/** A loop over ready items gives the event loop a turn this often, so that it hears of a cancel. */
const turnMs = 20;

export interface AttemptContextOptions {
  readonly claimed: ClaimedAttempt;
  readonly store: Store;
  readonly contact: DatabaseContact;
  readonly counter: ProgressCounter;
  readonly signal: AbortSignal;
  /** Aborts when nothing that the job writes counts any more; its reason is a `LostAttempt`. */
  readonly over: AbortSignal;
  encodeResult(result: unknown): Promise<string>;
  /** Before the end is written: no flush may touch the row any more. */
  onFinishing(): Promise<void>;
  /** The end was refused by the job's own writes: the attempt goes on. */
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
  /** The last write of this job's: they are numbered, so one waits for the other. */
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
    // At once, as the job may change it while this call waits for its turn; whether it can be kept is said then.
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

  /** A job may ask for several writes without waiting: they are made in the order in which it asked. */
  private inTurn(write: () => Promise<void>): Promise<void> {
    if (insideWork.getStore() === this) {
      throw new PermanentError('A checkpoint or finish cannot be called inside the writes of another', {
        code: 'nested_transaction',
      });
    }
    if (this.hasFinished)
      throw new PermanentError('The task has been finished', { code: 'already_finished' });
    const written = this.lastWrite.then(write);
    // Also what makes a failure that the job does not wait for no unhandled rejection.
    this.lastWrite = written.catch(() => undefined);
    return written;
  }

  /** Resolves when all writes that the job has asked for are made or refused. */
  settled(): Promise<void> {
    return this.lastWrite;
  }

  private get ref(): AttemptRef {
    return { taskId: this.id, attempt: this.attempt };
  }

  /**
   * The job's own writes first, then Headway's fenced one, then COMMIT, so that the task's row is
   * locked only for the last moment. Written once, also where the answer to the COMMIT is lost.
   * @param hasCommitted what the row shows when an earlier try has committed
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
        // The COMMIT of an earlier try may have come while this one waited for the row, or for a unique key of
        // the job's: then all is well.
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

  /** The job's own writes: a callback that never settles must not keep its connection. */
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
        // A limit that the job's own statement has met says nothing of the database.
        if (!isStatementLimit(error)) this.options.contact.note(error);
      },
    };
  }

  /** Reads on from where it was when the database went away. */
  private async *readPatiently(id: string, fromByte: number): AsyncGenerator<Buffer> {
    let offset = fromByte;
    for (;;) {
      const chunk = await this.patiently(() => readChunk(this.options.store.db, id, offset));
      if (!chunk) return;
      yield chunk;
      offset += chunk.length;
      this.signal.throwIfAborted();
    }
  }
}

function runIn(tx: Transaction, text: string, values: unknown[]): Promise<AttemptRef[]> {
  return tx.$queryRawUnsafe<AttemptRef[]>(text, ...values);
}
