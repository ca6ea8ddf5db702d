/**
 * Polls a second, and the processor time of each: on Headway as `npm start` runs it, in the role `all` with its
 * runner and in the role `api` with a process `worker` beside it, each beside a bare route of Fastify. In a round all
 * servers run at once, so that each is measured beside the same idle neighbours: PostgreSQL and two runners.
 */
import { type Comparison, compareServed, rounds, type Served } from '../comparison.ts';
import { median } from '../quantile.ts';
import { Server } from '../servers.ts';
import { type Bench, print } from '../support.ts';
import { type Load, load, tool } from './load.ts';
import { countReads, type Reads } from './statements.ts';
import { createRunningTasks, Mover } from './tasks.ts';

const seconds = 2;
const warmUpSeconds = 1;
const manyTasks = 1_000;
/** Headers that are copied from a real answer to that of the bare route; Node itself adds the others. */
const copiedHeaders = ['etag', 'cache-control', 'vary', 'retry-after', 'x-content-type-options'];

interface Case {
  readonly name: string;
  readonly paths: readonly string[];
  /** Whether the client names the version that it has. */
  readonly isKnown?: boolean;
  /** The tasks that make progress meanwhile. */
  readonly moving?: readonly string[];
}

interface Measured extends Load, Served {
  /** The part of a core that the server used. */
  readonly cpu: number;
  readonly statementsPerSecond: number;
}

interface Peer {
  readonly name: string;
  readonly measured: Map<Case, Measured[]>;
}

export async function compareThroughput({ databaseUrl, db }: Bench): Promise<Comparison[]> {
  const ids = await createRunningTasks(db.pool, manyTasks + 1);
  const [one = '', ...many] = ids.map((id) => `/tasks/${id}`);
  const cases: Case[] = [
    { name: 'polls of one task, 200', paths: [one] },
    { name: 'polls, 304', paths: [one], isKnown: true },
    {
      name: 'polls of 1,000 tasks at random, half of them moving',
      ...{ paths: many, moving: ids.slice(1, 1 + manyTasks / 2) },
    },
  ];
  const bare = newPeer('bare Fastify route');
  const prisma = newPeer('Fastify + Prisma findUnique');
  const all = newPeer('role all');
  const api = newPeer('role api');
  for (let round = 0; round < rounds; round += 1) {
    const servers = await startServers(databaseUrl, one);
    const measureIn = async (peer: Peer, server: Server, each: Case) =>
      roundsOf(peer, each).push(await measure(db, server, each, servers.etag));
    for (const each of cases) {
      await measureIn(bare, servers.bare, each);
      await measureIn(all, servers.all, each);
      await measureIn(api, servers.api, each);
      if (each === cases[0]) await measureIn(prisma, servers.textbook, each);
    }
    await servers.stop();
  }

  print(`polls, 64 connections, ${rounds} rounds of ${seconds} s in turn, by ${tool}`);
  printDetails(cases, [bare, all, api, prisma]);
  const comparisons = [all, api].flatMap((peer) =>
    cases.map((each) => comparisonOf(`${each.name}, ${peer.name}`, peer, bare, each)),
  );
  const [plain] = cases;
  return plain ? [...comparisons, comparisonOf(`${plain.name}, role all`, all, prisma, plain)] : comparisons;
}

/**
 * Starts what is compared. All is started again for each round: some processes of Node spend more on each request
 * than others from their start to their end.
 * @param path what the bare route answers like
 */
async function startServers(databaseUrl: string, path: string) {
  const all = await Server.startShipped(databaseUrl);
  const api = await Server.startShipped(databaseUrl, { HEADWAY_ROLE: 'api' });
  const worker = await Server.startShipped(databaseUrl, { HEADWAY_ROLE: 'worker' });
  const sample = await fetch(all.url + path);
  const headers = Object.fromEntries(copiedHeaders.map((name) => [name, sample.headers.get(name) ?? '']));
  const bare = await Server.startPeer('reads/bare.ts', [await sample.text(), JSON.stringify(headers)]);
  const textbook = await Server.startPeer('reads/textbook.ts', [databaseUrl]);
  for (const { url } of [all, api, bare, textbook]) {
    await load({ url, paths: [path], headers: {}, seconds: warmUpSeconds });
  }
  return {
    ...{ all, api, bare, textbook },
    etag: headers.etag ?? '',
    async stop() {
      for (const server of [all, api, worker, bare, textbook]) await server.stop();
    },
  };
}

function newPeer(name: string): Peer {
  return { name, measured: new Map() };
}

function roundsOf({ measured }: Peer, each: Case): Measured[] {
  const found = measured.get(each) ?? [];
  measured.set(each, found);
  return found;
}

function comparisonOf(what: string, own: Peer, peer: Peer, each: Case): Comparison {
  return compareServed(what, roundsOf(own, each), { name: peer.name, measured: roundsOf(peer, each) });
}

async function measure(
  db: Bench['db'],
  server: Server,
  { paths, isKnown, moving }: Case,
  etag: string,
): Promise<Measured> {
  const headers: Record<string, string> = isKnown ? { 'if-none-match': etag } : {};
  // Also beside the bare route, so that both have the same neighbours.
  const mover = moving && new Mover(db.pool, moving);
  const [before, readsBefore] = await Promise.all([server.usage(), countReads(db)]);
  const startedAt = performance.now();
  const result = await load({ url: server.url, paths, headers, seconds });
  const elapsedMs = performance.now() - startedAt;
  const [after, reads] = await Promise.all([server.usage(), countReads(db)]);
  await mover?.stop();
  const cpuMs = after.cpuMs - before.cpuMs;
  return {
    ...result,
    cpu: cpuMs / elapsedMs,
    processorUs: (cpuMs * 1000) / (result.requestsPerSecond * seconds),
    statementsPerSecond: ((total(reads) - total(readsBefore)) * 1000) / elapsedMs,
  };
}

function total({ refreshes, firstReads, single }: Reads): number {
  return refreshes + firstReads + single;
}

/** What the table of comparisons leaves out. */
function printDetails(cases: readonly Case[], peers: readonly Peer[]): void {
  const columns = ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU', 'µs CPU each', 'reads/s in PostgreSQL'];
  print(`| ${columns.join(' | ')} |`);
  print(`|${'---|'.repeat(columns.length)}`);
  for (const each of cases) {
    for (const peer of peers) {
      const measured = roundsOf(peer, each);
      if (measured.length === 0) continue;
      const of = (pick: (measured: Measured) => number) => median(measured.map(pick));
      const cells = [
        `${each.name}: ${peer.name}`,
        of((each) => each.requestsPerSecond).toFixed(0),
        of((each) => each.p50Ms).toFixed(2),
        of((each) => each.p99Ms).toFixed(2),
        `${(100 * of((each) => each.cpu)).toFixed(0)} %`,
        of((each) => each.processorUs).toFixed(1),
        of((each) => each.statementsPerSecond).toFixed(1),
      ];
      print(`| ${cells.join(' | ')} |`);
    }
  }
}
