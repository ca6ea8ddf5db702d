/** How many connections a process takes, to find out whether a server allows enough of them. */

/**
 * The most connections of a parent or a runner. Pools open connections when they need them: up to 3 for our
 * own SQL, 4 for Prisma, 3 for reading (in a runner, 2 for claims), and one for the listener (in a runner,
 * one more for the lease).
 */
export const mostConnectionsEach = 11;

/** The connections of a parent, and of a runner, with only one in each pool. */
const leastOfProcess = 4;
const leastOfRunner = 5;

/** The most connections of a process with this many runners. */
export function mostConnections(runners: number): number {
  return mostConnectionsEach * (1 + runners);
}

/** With fewer connections than this, the process and its runners cannot work at all. */
export function leastConnections(runners: number): number {
  return leastOfProcess + leastOfRunner * runners;
}

/**
 * The least number of sessions that a pooler must have. A pooler with too few sessions refuses nobody, but
 * lets clients wait. A process with runners needs sessions for one runner more: a task that runs alone gets a
 * runner of its own, and a spare takes over from a blocked runner.
 */
export function leastSessions(runners: number): number {
  return leastConnections(runners === 0 ? 0 : runners + 1);
}
