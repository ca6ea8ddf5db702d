/** When an attempt counts as overdue. It is a separate file, because the supervisor needs nothing else of attempts. */

/**
 * How long an attempt may go on after its deadline, or after it was asked to stop, before it counts as
 * overdue: 10 s with a lease of 15 s.
 */
export function overdueGraceMs(leaseMs: number): number {
  return (leaseMs * 2) / 3;
}
