/** graphile-worker with its default settings, for comparison: a separate process drains the queue. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { makeWorkerUtils, type WorkerUtils } from 'graphile-worker';
import type { Drain } from './graphile-process.ts';

export class GraphileQueue {
  private readonly databaseUrl: string;
  private readonly concurrency: number;
  private readonly utils: WorkerUtils;

  private constructor(databaseUrl: string, concurrency: number, utils: WorkerUtils) {
    this.databaseUrl = databaseUrl;
    this.concurrency = concurrency;
    this.utils = utils;
  }

  static async prepare(databaseUrl: string, concurrency: number): Promise<GraphileQueue> {
    const utils = await makeWorkerUtils({ connectionString: databaseUrl });
    await utils.migrate();
    return new GraphileQueue(databaseUrl, concurrency, utils);
  }

  /** Jobs per second, from the start of the first job to the end of the last one. */
  async drain(count: number): Promise<number> {
    await this.utils.addJobs(Array.from({ length: count }, () => ({ identifier: 'noop', payload: {} })));
    const child = fork(path.join(import.meta.dirname, 'graphile-process.ts'));
    const { databaseUrl, concurrency } = this;
    child.send({ databaseUrl, concurrency, count } satisfies Drain);
    const [seconds] = (await once(child, 'message')) as [number];
    await once(child, 'exit');
    return count / seconds;
  }

  async close(): Promise<void> {
    await this.utils.release();
  }
}
