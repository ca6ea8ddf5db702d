/**
 * Measures how many polls one process answers, compared with the most that Fastify can do and a textbook
 * solution.
 */
import { median } from '../quantile.ts';
import { type Bench, print } from '../support.ts';
import { type Load, load, tool } from './load.ts';
import { Server } from './servers.ts';
import { countReads, type Reads } from './statements.ts';
import { createRunningTasks, Mover } from './tasks.ts';

const rounds = 7;
const seconds = 5;
const manyTasks = 1_000;
/** A server that used a smaller part of a core than this was not at its limit. */
const saturated = 0.95;
/** Headers that are copied from a real answer to that of `bare`; Node itself adds the others. */
const copiedHeaders = ['etag', 'cache-control', 'vary', 'retry-after', 'x-content-type-options'];

interface Case {
  readonly name: string;
  readonly server: Server;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** The name of the case with which this one is compared. */
  readonly ceiling?: string;
  readonly ids?: readonly string[];
}

interface Measured extends Load {
  /** The part of a core that the server used. */
  readonly cpu: number;
  /** The server's processor time per request, which does not depend on other load of the machine. */
  readonly microsecondsEach: number;
  readonly statementsPerSecond: number;
}

export async function compareThroughput(bench: Bench): Promise<void> {
  const { databaseUrl, db } = bench;
  const ids = await createRunningTasks(db.pool, manyTasks + 1);
  const [one = '', ...many] = ids.map((id) => `/tasks/${id}`);
  const [bare, textbook, headway] = await Promise.all([
    Server.start('bare', databaseUrl),
    Server.start('textbook', databaseUrl),
    Server.start('headway', databaseUrl),
  ]);
  const sample = await fetch(headway.url + one);
  const headers = Object.fromEntries(copiedHeaders.map((name) => [name, sample.headers.get(name) ?? '']));
  await bare.answer(await sample.text(), headers);
  const known = { 'if-none-match': headers.etag ?? '' };

  const cases: Case[] = [
    { name: 'bare route, 200', server: bare, paths: [one], headers: {} },
    { name: 'Headway, 200', server: headway, paths: [one], headers: {}, ceiling: 'bare route, 200' },
    { name: 'bare route, 304', server: bare, paths: [one], headers: known },
    { name: 'Headway, 304', server: headway, paths: [one], headers: known, ceiling: 'bare route, 304' },
    { name: 'bare route, 1,000 URLs', server: bare, paths: many, headers: {} },
    {
      name: 'Headway, 1,000 tasks, half of them moving',
      server: headway,
      paths: many,
      headers: {},
      ceiling: 'bare route, 1,000 URLs',
      ids: ids.slice(1, 1 + manyTasks / 2),
    },
    {
      name: 'Fastify + Prisma findUnique',
      server: textbook,
      paths: [one],
      headers: {},
      ceiling: 'bare route, 200',
    },
  ];
  for (const each of cases) await load({ ...each, url: each.server.url, seconds: 2 });
  const results = new Map<string, Measured[]>(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const each of cases) results.get(each.name)?.push(await measure(bench, each));
  }
  await Promise.all([bare, textbook, headway].map((server) => server.stop()));
  printTable(cases, results);
}

async function measure({ db }: Bench, { server, paths, headers, ids }: Case): Promise<Measured> {
  const mover = ids && new Mover(db.pool, ids);
  const before = await server.usage();
  const readsBefore = await countReads(db);
  const startedAt = performance.now();
  const result = await load({ url: server.url, paths, headers, seconds });
  const elapsedMs = performance.now() - startedAt;
  const after = await server.usage();
  const reads = await countReads(db);
  await mover?.stop();
  return {
    ...result,
    cpu: (after.cpuMs - before.cpuMs) / elapsedMs,
    microsecondsEach: ((after.cpuMs - before.cpuMs) * 1000) / (result.requestsPerSecond * seconds),
    statementsPerSecond: ((total(reads) - total(readsBefore)) * 1000) / elapsedMs,
  };
}

function total({ refreshes, firstReads, single }: Reads): number {
  return refreshes + firstReads + single;
}

function printTable(cases: readonly Case[], results: ReadonlyMap<string, readonly Measured[]>): void {
  print(`polls, ${rounds} rounds of ${seconds} s in turn, by ${tool}`);
  const columns = [
    ...['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU', 'µs CPU each', 'reads/s in PostgreSQL'],
    ...['of the bare route (median, least–most)', 'the same by CPU time'],
  ];
  print(`| ${columns.join(' | ')} |`);
  print(`|${columns.map(() => '---|').join('')}`);
  for (const { name, ceiling } of cases) {
    const own = results.get(name) ?? [];
    const of = (pick: (measured: Measured) => number) => median(own.map(pick));
    const cells = [
      name,
      of((each) => each.requestsPerSecond).toFixed(0),
      of((each) => each.p50Ms).toFixed(2),
      of((each) => each.p99Ms).toFixed(2),
      percent(of((each) => each.cpu)),
      of((each) => each.microsecondsEach).toFixed(1),
      of((each) => each.statementsPerSecond).toFixed(1),
      ...ratiosTo(own, ceiling === undefined ? [] : (results.get(ceiling) ?? [])),
    ];
    print(`| ${cells.join(' | ')} |`);
  }
}

function percent(cpu: number): string {
  return `${(100 * cpu).toFixed(0)} %${cpu < saturated ? ' (not at its limit)' : ''}`;
}

/** The ratios of requests per second, and of processor time per request. */
function ratiosTo(own: readonly Measured[], ceiling: readonly Measured[]): string[] {
  if (ceiling.length === 0) return ['', ''];
  const ratios = (pick: (measured: Measured) => number) =>
    spread(own.map((each, round) => pick(each) / pick(ceiling[round] ?? each)));
  return [ratios((each) => each.requestsPerSecond), ratios((each) => 1 / each.microsecondsEach)];
}

function spread(ratios: readonly number[]): string {
  return `${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)}–${Math.max(...ratios).toFixed(3)})`;
}
