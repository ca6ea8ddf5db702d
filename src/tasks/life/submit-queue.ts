/**
 * The submits of a process. Submits that arrive while others are being written share the next statement, so
 * that many clients cost few transactions. A submit that arrives while nothing is being written goes at once.
 * Each submit gets the same answer as if it were alone: if a shared statement fails, and one of its submits
 * may be the reason, each submit is written by itself.
 */
import pg from 'pg';
import { isLockTrouble, isPassingError } from '../../database/error-kinds.ts';
import type { Store } from '../store.ts';
import { findOwners } from './same-request.ts';
import {
  answerOf,
  cleanRequest,
  createTogether,
  needsTransaction,
  type SubmitRequest,
  type Submitted,
  submitAlone,
} from './submit.ts';
import { submitBatch } from './submit-batch.ts';
import type { CleanRequest } from './write-submits.ts';

/** The most submits, and characters of input, in a shared statement. A longer input goes alone. */
const maxTogether = 100;
const maxTogetherLength = 1024 * 1024;
/** The most submits that wait, and the most characters of their inputs as JSON. */
const maxWaiting = 5_000;
const maxWaitingLength = 64 * 1024 * 1024;
/** No client waits longer than this for an answer. So a submit that has not begun by then is refused. */
const maxWaitMs = 5_000;
/** How long a shared statement waits for a key that somebody else has locked: its other submits wait, too. */
const sharedLockLimitMs = 200;
/** After this time, the next statement does not wait for the current one, whose connection may hang. */
const lateMs = 500;
/** The most shared statements under way at a time. All but one of them are late. */
const maxShared = 2;
/**
 * The most submits and batches that run apart at a time, each on a connection of its own: those that need a
 * transaction, and those that wait for locks.
 */
const maxApart = 2;

/** Thrown for a submit that was refused before it began, because too many others come first. */
export class TooManySubmitsError extends Error {
  override name = 'TooManySubmitsError';

  constructor() {
    super('More tasks are submitted than can be written in time');
  }
}

interface Asked<Answer> {
  /** When the submit was asked for, by `performance.now()`. */
  readonly sinceMs: number;
  readonly answer: PromiseWithResolvers<Answer>;
}

/** A submit that shares a statement. */
interface Waiting extends Asked<Submitted> {
  readonly request: CleanRequest;
  refuse(error: unknown): void;
}

/** A submit or a batch that is written by itself, on its own connection. */
interface Apart {
  readonly sinceMs: number;
  run(): Promise<void>;
  refuse(error: unknown): void;
}

export class SubmitQueue {
  private readonly store: Store;
  private shared: Waiting[] = [];
  private apart: Apart[] = [];
  private waitingLength = 0;
  /** Whether a shared statement is under way that is not late. */
  private isWriting = false;
  private sharedCount = 0;
  private apartCount = 0;
  private turn: NodeJS.Immediate | undefined;
  private readonly inFlight = new Set<Promise<unknown>>();

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * Does the same as `submitTask`, in its turn.
   * @throws {TooManySubmitsError} when the submit was refused before it began
   */
  async submit(asked: SubmitRequest): Promise<Submitted> {
    const request = cleanRequest(asked);
    return this.wait<Submitted>(request.input.length, (waiting) => {
      if (needsTransaction(request)) this.setApart(waiting, () => submitAlone(this.store, request));
      else {
        this.shared.push({ ...waiting, request, refuse: waiting.answer.reject });
        this.writeSoon();
      }
    });
  }

  /**
   * Does the same as `submitBatch`, in its turn.
   * @throws {TooManySubmitsError} when the batch was refused before it began
   */
  async submitBatch(asked: readonly SubmitRequest[]): Promise<Submitted[]> {
    const requests = asked.map(cleanRequest);
    const length = requests.reduce((sum, { input }) => sum + input.length, 0);
    return this.wait<Submitted[]>(length, (waiting) =>
      this.setApart(waiting, () => submitBatch(this.store, requests)),
    );
  }

  private async wait<Answer>(length: number, begin: (waiting: Asked<Answer>) => void): Promise<Answer> {
    const count = this.shared.length + this.apart.length;
    if (count >= maxWaiting || this.waitingLength + length > maxWaitingLength)
      throw new TooManySubmitsError();
    const answer = Promise.withResolvers<Answer>();
    this.waitingLength += length;
    this.inFlight.add(answer.promise);
    begin({ sinceMs: performance.now(), answer });
    try {
      return await answer.promise;
    } finally {
      this.waitingLength -= length;
      this.inFlight.delete(answer.promise);
    }
  }

  /** Resolves when all submits that have been asked for until now have their answers. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.inFlight);
  }

  /** Begins a statement after this turn of the event loop, so that all submits of the same turn share it. */
  private writeSoon(): void {
    if (this.isWriting || this.sharedCount === maxShared || this.shared.length === 0) return;
    this.turn ??= setImmediate(() => {
      this.turn = undefined;
      void this.writeShared();
    });
  }

  private async writeShared(): Promise<void> {
    this.isWriting = true;
    this.sharedCount += 1;
    const letNextGo = () => {
      this.isWriting = false;
      this.writeSoon();
    };
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      letNextGo();
    }, lateMs);
    try {
      await this.write(this.takeShared());
    } finally {
      clearTimeout(late);
      this.sharedCount -= 1;
      if (isLate) this.writeSoon();
      else letNextGo();
    }
  }

  private takeShared(): Waiting[] {
    this.shared = inTime(this.shared);
    let count = 0;
    let length = 0;
    for (const { request } of this.shared) {
      length += request.input.length;
      if (count > 0 && (count === maxTogether || length > maxTogetherLength)) break;
      count += 1;
    }
    return this.shared.splice(0, count);
  }

  private async write(batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      await this.create(batch);
    } catch (error) {
      if (batch.length > 1 && mayBeOnes(error)) await this.writeEach(batch);
      else this.refuse(batch, error);
    }
  }

  /** Writes each submit by itself, after PostgreSQL has refused the shared statement. */
  private async writeEach(batch: readonly Waiting[]): Promise<void> {
    for (const [index, waiting] of batch.entries()) {
      try {
        await this.create([waiting]);
      } catch (error) {
        if (mayBeOnes(error)) this.refuse([waiting], error);
        else return this.refuse(batch.slice(index), error);
      }
    }
  }

  /** Creates the tasks, and answers the submits. Throws only if nothing was written. */
  private async create(batch: readonly Waiting[]): Promise<void> {
    const requests = batch.map(({ request }) => request);
    const tasks = await createTogether(this.store, requests, sharedLockLimitMs);
    const taken: Waiting[] = [];
    for (const [index, waiting] of batch.entries()) {
      const task = tasks[index];
      if (task) waiting.answer.resolve({ outcome: 'created', task });
      else taken.push(waiting);
    }
    if (taken.length > 0) await this.answerTaken(taken);
  }

  /** Answers submits whose keys already belong to tasks. */
  private async answerTaken(taken: readonly Waiting[]): Promise<void> {
    try {
      const owners = await findOwners(
        this.store.db.pool,
        taken.map(({ request }) => request),
      );
      for (const [index, waiting] of taken.entries()) {
        const owner = owners[index];
        if (owner) settle(waiting, () => answerOf({ isCreated: false, ...owner }));
        // The task that had the key was pruned or replaced a moment ago, so the key is free again.
        else this.setAlone(waiting);
      }
    } catch (error) {
      for (const { answer } of taken) answer.reject(error);
    }
  }

  private refuse(batch: readonly Waiting[], error: unknown): void {
    for (const waiting of batch) {
      if (batch.length === 1 && isLockTrouble(error)) this.setAlone(waiting);
      else waiting.answer.reject(error);
    }
  }

  /** Submits by itself, where the submit holds nobody up and may wait for locks as long as any statement. */
  private setAlone(waiting: Waiting): void {
    this.setApart(waiting, () => submitAlone(this.store, waiting.request));
  }

  private setApart<Answer>({ sinceMs, answer }: Asked<Answer>, write: () => Promise<Answer>): void {
    this.apart.push({
      sinceMs,
      run: () => write().then(answer.resolve, answer.reject),
      refuse: answer.reject,
    });
    this.writeApart();
  }

  private writeApart(): void {
    this.apart = inTime(this.apart);
    while (this.apartCount < maxApart) {
      const next = this.apart.shift();
      if (!next) return;
      this.apartCount += 1;
      void next.run().finally(() => {
        this.apartCount -= 1;
        this.writeApart();
      });
    }
  }
}

/** Refuses what has waited for 5 s, as no client waits longer. Returns the rest. */
function inTime<Each extends { sinceMs: number; refuse(error: unknown): void }>(
  waiting: readonly Each[],
): Each[] {
  const sinceMs = performance.now() - maxWaitMs;
  return waiting.filter((each) => {
    if (each.sinceMs > sinceMs) return true;
    each.refuse(new TooManySubmitsError());
    return false;
  });
}

/** Whether a shared statement may have failed because of one of its submits. PostgreSQL has then rolled it back. */
function mayBeOnes(error: unknown): boolean {
  return isLockTrouble(error) || (error instanceof pg.DatabaseError && !isPassingError(error));
}

function settle({ answer }: Waiting, answerNow: () => Submitted): void {
  try {
    answer.resolve(answerNow());
  } catch (error) {
    answer.reject(error);
  }
}
