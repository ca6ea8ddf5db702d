/**
 * Drains a queue of no-op tasks with 1, 2 and 4 runners of 10 slots, in turn with as many workers of
 * graphile-worker and of BullMQ at the same concurrency; with one runner, also in turn with the least work that
 * pg-boss itself needs: fetch and complete, with the same batches, in one loop and in two. Everybody's workers
 * run before the jobs are there, and the first round only warms up.
 */
import { PgBoss } from 'pg-boss';
import { newId } from '../src/tasks/model/ids.ts';
import { type Comparison, printComparisons, rounds } from './comparison.ts';
import { median } from './quantile.ts';
import { BullWorkers, type Redis, startRedis } from './queue/bullmq.ts';
import { GraphileQueue } from './queue/graphile.ts';
import { HeadwayQueue } from './queue/headway.ts';
import { print, withPostgres } from './support.ts';

const tasks = 3_000;
const slots = 10;
const runnerCounts = [1, 2, 4];

interface Peer {
  readonly name: string;
  drain(count: number): Promise<number>;
  stop(): Promise<void>;
}

export async function run(): Promise<void> {
  const redis = await startRedis();
  if (typeof redis === 'string') print(redis);
  const comparisons: Comparison[] = [];
  try {
    for (const runners of runnerCounts) comparisons.push(...(await drainWith(runners, redis)));
  } finally {
    if (typeof redis !== 'string') await redis.stop();
  }
  printComparisons(comparisons);
}

/** Compares Headway with `runners` runners and its peers with as many workers. */
async function drainWith(runners: number, redis: Redis | string): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  await withPostgres((databaseUrl) =>
    HeadwayQueue.using(databaseUrl, { runners, slots }, async (headway) => {
      const peers = await startPeers(databaseUrl, runners, redis);
      const own: number[] = [];
      const others = peers.map((): number[] => []);
      for (let round = -1; round < rounds; round += 1) {
        const rate = await headway.drain(tasks);
        if (round >= 0) own.push(rate);
        for (const [index, peer] of peers.entries()) {
          const rate = await peer.drain(tasks);
          if (round >= 0) others[index]?.push(rate);
        }
      }
      for (const peer of peers) await peer.stop();
      const what = `draining ${tasks.toLocaleString('en')} no-op tasks, runners of ${slots} slots: ${runners}`;
      for (const [index, { name }] of peers.entries()) {
        const rates = others[index] ?? [];
        comparisons.push({
          what,
          headway: `${median(own).toFixed(0)}/s`,
          peer: `${name}: ${median(rates).toFixed(0)}/s`,
          ratios: own.map((rate, round) => rate / (rates[round] ?? rate)),
        });
      }
    }),
  );
  return comparisons;
}

async function startPeers(databaseUrl: string, workers: number, redis: Redis | string): Promise<Peer[]> {
  const plain = await GraphileQueue.start(databaseUrl, { workers, slots, isBatched: false });
  const batched = await GraphileQueue.start(databaseUrl, { workers, slots, isBatched: true });
  const peers = [
    peer('graphile-worker, default settings', plain),
    peer(`graphile-worker, batches of ${slots + 1}`, batched),
  ];
  if (typeof redis !== 'string') {
    peers.push(peer('BullMQ', await BullWorkers.start(redis, { workers, slots })));
  }
  // One loop matches a runner: with one busy queue, it has one fetch under way, for all its free slots.
  if (workers === 1) {
    for (const loops of [1, 2]) {
      const raw = await RawBoss.start(databaseUrl, loops);
      peers.push(peer(`pg-boss fetch and complete, batches of ${slots}, loops: ${loops}`, raw));
    }
  }
  return peers;
}

function peer(name: string, queue: Omit<Peer, 'name'>): Peer {
  return { name, drain: (count) => queue.drain(count), stop: () => queue.stop() };
}

/** Fetches and completes jobs in this process, and does nothing else. */
class RawBoss {
  private readonly boss: PgBoss;
  private readonly loops: number;

  private constructor(boss: PgBoss, loops: number) {
    this.boss = boss;
    this.loops = loops;
  }

  static async start(connectionString: string, loops: number): Promise<RawBoss> {
    const boss = new PgBoss({ connectionString, supervise: false, schedule: false, migrate: false });
    boss.on('error', () => undefined);
    await boss.start();
    await boss.createQueue('bench-raw', { retryLimit: 0 });
    return new RawBoss(boss, loops);
  }

  async drain(count: number): Promise<number> {
    await this.boss.insert(
      'bench-raw',
      Array.from({ length: count }, () => ({ data: { taskId: newId() } })),
    );
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: this.loops }, () => this.fetchAll()));
    return count / ((performance.now() - startedAt) / 1000);
  }

  private async fetchAll(): Promise<void> {
    for (;;) {
      const jobs = await this.boss.fetch('bench-raw', { batchSize: slots });
      if (jobs.length === 0) return;
      await this.boss.complete(
        'bench-raw',
        jobs.map((job) => job.id),
      );
    }
  }

  async stop(): Promise<void> {
    await this.boss.stop({ graceful: false });
  }
}
