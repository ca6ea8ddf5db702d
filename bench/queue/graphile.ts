/**
 * graphile-worker, with its default settings, which take and end each job by a statement of its own, and with
 * the batches that its documentation recommends for speed (https://worker.graphile.org/docs/performance). With
 * batches a worker locks one job more than it can run, which no other worker can begin meanwhile.
 */
import { makeWorkerUtils, type WorkerUtils } from 'graphile-worker';
import pg from 'pg';
import type { GraphileOptions } from './graphile-process.ts';
import { PeerWorkers } from './peer-workers.ts';

export class GraphileQueue {
  private readonly utils: WorkerUtils;
  private readonly workers: PeerWorkers;

  private constructor(utils: WorkerUtils, workers: PeerWorkers) {
    this.utils = utils;
    this.workers = workers;
  }

  /** @param databaseUrl any database of the server; each queue gets one of its own, as notifications are shared */
  static async start(
    databaseUrl: string,
    { workers, slots, isBatched }: { workers: number; slots: number; isBatched: boolean },
  ): Promise<GraphileQueue> {
    const connectionString = await createDatabase(databaseUrl, isBatched ? 'graphile_batched' : 'graphile');
    const utils = await makeWorkerUtils({ connectionString });
    await utils.migrate();
    const options: GraphileOptions = {
      connectionString,
      concurrentJobs: slots,
      // A connection for each job, and one to listen.
      maxPoolSize: slots + 1,
      ...(isBatched && {
        localQueue: { size: slots + 1 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      }),
    };
    return new GraphileQueue(utils, await PeerWorkers.start('graphile-process.ts', options, workers));
  }

  drain(count: number): Promise<number> {
    const jobs = Array.from({ length: count }, () => ({ identifier: 'noop', payload: {} }));
    return this.workers.drain(count, () => this.utils.addJobs(jobs));
  }

  async stop(): Promise<void> {
    await this.workers.stop();
    await this.utils.release();
  }
}

async function createDatabase(anyUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: anyUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  await client.end();
  const url = new URL(anyUrl);
  url.pathname = `/${name}`;
  return url.href;
}
