/** Writes the ends of attempts. When PostgreSQL refuses an end, the task fails with an error that says so. */
import type { Logger } from 'pino';
import {
  type AttemptRef,
  type Failure,
  fail,
  type Success,
  stillRunning,
  succeedAlone,
} from '../../tasks/life/end.ts';
import { emptyReport } from '../../tasks/model/progress-report.ts';
import type { Store } from '../../tasks/store.ts';
import type { DatabaseTrouble } from './database-trouble.ts';
import { EndBatcher } from './end-batcher.ts';

export interface EndWriterOptions {
  readonly store: Store;
  readonly databaseTrouble: DatabaseTrouble;
  readonly log: Logger;
}

export class EndWriter {
  private readonly store: Store;
  private readonly log: Logger;
  private readonly successes: EndBatcher<Success>;
  private readonly failures: EndBatcher<Failure>;

  constructor({ store, databaseTrouble, log }: EndWriterOptions) {
    this.store = store;
    this.log = log;
    const onTrouble = (error: unknown) => databaseTrouble.note(error);
    this.successes = new EndBatcher({
      write: (ends) => this.writeOwned(ends, succeedAlone),
      onTrouble,
      onUnwritable: (end, error) => this.failInstead(end, error),
    });
    this.failures = new EndBatcher({
      write: (ends) => this.writeOwned(ends, fail),
      onTrouble,
      onUnwritable: (end, error) => this.failInstead(end, error),
    });
  }

  /** Resolves when the end is written, or when the attempt no longer owns its task. */
  succeed(end: Success): Promise<void> {
    return this.successes.add(end);
  }

  fail(end: Failure): Promise<void> {
    return this.failures.add(end);
  }

  /**
   * @returns the ends that were not written because somebody has locked their rows, and that are still to be
   * written
   */
  private async writeOwned<End extends AttemptRef>(
    ends: readonly End[],
    statement: (store: Store, ends: readonly End[]) => Promise<AttemptRef[]>,
  ): Promise<End[]> {
    const written = new Set((await statement(this.store, ends)).map(({ taskId }) => taskId));
    const unwritten = ends.filter(({ taskId }) => !written.has(taskId));
    if (unwritten.length === 0) return [];
    // This also settles a try whose answer was lost: a task whose end was written does not run any more.
    const running = new Set((await stillRunning(this.store, unwritten)).map(({ taskId }) => taskId));
    return unwritten.filter(({ taskId }) => running.has(taskId));
  }

  private async failInstead(end: Success | Failure, error: unknown): Promise<void> {
    const { taskId, attempt } = end;
    const isFailure = 'outcome' in end;
    const isPlain = isFailure && end.error === notWritten && end.report === emptyReport;
    this.log.error({ task: taskId, attempt, err: error }, isPlain ? 'end given up' : 'end not written');
    if (isPlain) return;
    // A success keeps its report, because its result may be what PostgreSQL refused. A failure loses error
    // and report.
    const report = isFailure ? emptyReport : end.report;
    await this.fail({ taskId, attempt, outcome: 'permanent', error: notWritten, delaySeconds: 0, report });
  }
}

const notWritten = {
  code: 'end_not_written',
  message: 'The job ended, but PostgreSQL refused to store its result or its last progress report',
};
