/** When a task ended, and until when it is kept: written once, for all statements that end a task. */
import type { Store } from '../store.ts';

/**
 * SQL of the time of an end: the start of its statement. `now()` is the start of the transaction: ten minutes
 * too early for a job that writes for ten minutes and then ends in the same transaction.
 */
export const endTime = 'statement_timestamp()';

/**
 * SQL of a finished task's `expires_at`: by the retention of its type, else by the general one.
 * @param parameter the placeholder of `expiryParameter`
 * @param type SQL expression of the task's type
 */
export function expirySql(parameter: string, type: string): string {
  const days = `coalesce(${parameter}::jsonb -> 'byType' ->> ${type}, ${parameter}::jsonb ->> 'days')::float8`;
  return `${endTime} + make_interval(secs => 86400 * ${days})`;
}

/** The value of that placeholder, as JSON text. */
export function expiryParameter({ retentionDays, retentionDaysByType = {} }: Store): string {
  return JSON.stringify({ days: retentionDays, byType: retentionDaysByType });
}
