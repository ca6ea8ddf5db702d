/** When a task ends, and until when it is kept then: written once, for all the statements that end one. */
import type { Store } from '../store.ts';

/**
 * SQL of the time of an end: that of its statement. `now()` is when the transaction began, which for a job that
 * writes for ten minutes before it ends in the same transaction is ten minutes earlier.
 */
export const endTime = 'statement_timestamp()';

/**
 * SQL of a finished task's `expires_at`: its type's own time, else the general one.
 * @param parameter the placeholder of `expiryParameter`
 * @param type SQL expression of the task's type
 */
export function expirySql(parameter: string, type: string): string {
  const days = `coalesce(${parameter}::jsonb -> 'byType' ->> ${type}, ${parameter}::jsonb ->> 'days')::float8`;
  return `${endTime} + make_interval(secs => 86400 * ${days})`;
}

/** The value for it. JSON text. */
export function expiryParameter({ retentionDays, retentionDaysByType = {} }: Store): string {
  return JSON.stringify({ days: retentionDays, byType: retentionDaysByType });
}
