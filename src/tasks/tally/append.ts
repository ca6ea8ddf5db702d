/**
 * Appending to the tally: each statement that begins or ends attempts adds a row for each type and outcome. It
 * only adds, so it waits for nobody and keeps nobody waiting; `fold.ts` does the counting.
 */
import { tables } from '../../database/names.ts';

/** What became of attempts. Only `started` and `withdrawn` do not end one. */
export const outcomes = {
  started: 'an attempt began; its duration is how long the task had been due',
  succeeded: 'an attempt ended, and its task succeeded',
  failed: 'an attempt ended, and its task failed',
  cancelled: 'an attempt ended, and its task was cancelled',
  retrying: 'an attempt failed, and its task was queued again',
  handed_back: 'an attempt was handed back, and its task was queued again',
  worker_lost: 'an attempt was lost with its worker, and its task was queued again',
  withdrawn: 'a task was cancelled while it was queued; its duration is how long it had been due',
} as const;

export type Outcome = keyof typeof outcomes;

export interface Tallied {
  /** SQL of the outcome. */
  readonly outcome: string;
  /** SQL of the instant from which the duration counts. */
  readonly since: string;
  /** SQL that is true of an attempt that did all of its task's work. */
  readonly isWhole?: string;
}

/**
 * An INSERT for a CTE of the statement.
 * @param source a CTE with the rows that the statement has changed, and their `type`
 */
export function tallySql(source: string, { outcome, since, isWhole = 'FALSE' }: Tallied): string {
  return `
    INSERT INTO ${tables.taskTally} (at, type, outcome, is_whole, durations_ms)
    SELECT statement_timestamp(), type, ${outcome}, ${isWhole},
           array_agg(greatest(0, 1000 * date_part('epoch', statement_timestamp() - ${since}))::real)
    FROM ${source}
    GROUP BY 2, 3, 4`;
}
