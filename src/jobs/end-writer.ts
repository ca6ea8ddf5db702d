/** Writes the ends of attempts: those that are ready at the same time share a statement. */
import type { Logger } from 'pino';
import { type Failure, fail, type Success, succeedAlone } from '../tasks/end.ts';
import { emptyReport } from '../tasks/progress/report.ts';
import type { Store } from '../tasks/store.ts';
import type { DatabaseContact } from './contact.ts';
import { persist } from './persist.ts';

export interface EndWriterOptions {
  readonly store: Store;
  readonly contact: DatabaseContact;
  readonly log: Logger;
}

interface Waiting<End> {
  readonly end: End;
  readonly resolve: () => void;
}

export class EndWriter {
  private readonly successes: EndBatcher<Success>;
  private readonly failures: EndBatcher<Failure>;

  constructor({ store, contact, log }: EndWriterOptions) {
    const persistence = { onTrouble: (error: unknown) => contact.note(error) };
    const write = <End>(statement: (ends: readonly End[]) => Promise<unknown>) => {
      // A try whose answer was lost needs no question: the same fenced statement then finds nothing to do.
      return (ends: readonly End[]) =>
        persist(
          () => statement(ends),
          async () => undefined,
          persistence,
        );
    };
    const writeFailures = write((ends: readonly Failure[]) => fail(store, ends));
    this.failures = new EndBatcher(writeFailures, async (end, error) => {
      const ids = { task: end.taskId, attempt: end.attempt };
      log.error({ ...ids, err: error }, 'end not written');
      // Once more without anything of the job's own; not through the batcher, which waits for this.
      const plain = {
        ...end,
        outcome: 'permanent',
        error: notWritten,
        delaySeconds: 0,
        report: emptyReport,
      } as const;
      await writeFailures([plain]).catch((cause) => log.error({ ...ids, err: cause }, 'end given up'));
    });
    this.successes = new EndBatcher(
      write((ends) => succeedAlone(store, ends)),
      (end, error) => {
        log.error({ task: end.taskId, attempt: end.attempt, err: error }, 'success not written');
        return this.fail({
          ...end,
          outcome: 'permanent',
          error: notWritten,
          delaySeconds: 0,
        });
      },
    );
  }

  /** Resolves when the end is written, or belongs to somebody else by now. */
  succeed(end: Success): Promise<void> {
    return this.successes.add(end);
  }

  fail(end: Failure): Promise<void> {
    return this.failures.add(end);
  }
}

const notWritten = {
  code: 'end_not_written',
  message: 'It ended, but PostgreSQL refused to store how: its result or its last report cannot be kept',
};

const batchSize = 100;

class EndBatcher<End> {
  private readonly write: (ends: readonly End[]) => Promise<unknown>;
  private readonly onUnwritable: (end: End, error: unknown) => Promise<void>;
  private waiting: Waiting<End>[] = [];
  private isWriting = false;

  constructor(
    write: (ends: readonly End[]) => Promise<unknown>,
    onUnwritable: (end: End, error: unknown) => Promise<void>,
  ) {
    this.write = write;
    this.onUnwritable = onUnwritable;
  }

  add(end: End): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.push({ end, resolve });
    if (!this.isWriting) {
      this.isWriting = true;
      // After this turn of the loop: attempts that return in the same turn end together.
      setImmediate(() => void this.drain());
    }
    return promise;
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, batchSize);
      try {
        await this.write(batch.map(({ end }) => end));
      } catch {
        // One of them cannot be written: by itself each shows whether it is the one.
        for (const { end } of batch) await this.write([end]).catch((error) => this.onUnwritable(end, error));
      }
      for (const { resolve } of batch) resolve();
    }
    this.isWriting = false;
  }
}
