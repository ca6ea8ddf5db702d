/**
 * Milliseconds of the system's monotonic clock: the same for all threads and processes of a machine, for
 * durations and deadlines on that machine. Whatever is stored takes its time from PostgreSQL.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
