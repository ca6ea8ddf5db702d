/** How many connections a process takes: to say where a server has too few of them. */

/** Pools are filled as they are needed: 3 for our own SQL, 4 for Prisma, 3 for reading (a runner: 2 for claims), and the listener (a runner: its lease, too). */
export const mostConnectionsEach = 11;

/** With one connection in each pool. */
const leastOfProcess = 4;
const leastOfRunner = 5;

/** Of a process with so many runners. */
export function mostConnections(runners: number): number {
  return mostConnectionsEach * (1 + runners);
}

/** With fewer nothing is done at all. */
export function leastConnections(runners: number): number {
  return leastOfProcess + leastOfRunner * runners;
}
