/** Until when a finished task is kept: written once, for all the statements that end one. */
import type { Store } from './store.ts';

/**
 * SQL of a finished task's `expires_at`: its type's own time, else the general one.
 * @param parameter the placeholder of `expiryParameter`
 * @param type SQL expression of the task's type
 */
export function expirySql(parameter: string, type: string): string {
  const days = `coalesce(${parameter}::jsonb -> 'byType' ->> ${type}, ${parameter}::jsonb ->> 'days')::float8`;
  return `now() + make_interval(secs => 86400 * ${days})`;
}

/** The value for it. JSON text. */
export function expiryParameter({ retentionDays, retentionDaysByType = {} }: Store): string {
  return JSON.stringify({ days: retentionDays, byType: retentionDaysByType });
}
