/** A worker of graphile-worker. */
import { Logger, run } from 'graphile-worker';
import { countJobs, peerOptions, tellReady } from './peer-process.ts';

export interface GraphileOptions {
  readonly connectionString: string;
  readonly concurrentJobs: number;
  readonly maxPoolSize: number;
  /** Settings for jobs in batches; absent where they keep their defaults. */
  readonly localQueue?: { readonly size: number };
  readonly completeJobBatchDelay?: number;
  readonly failJobBatchDelay?: number;
}

const worker = await peerOptions<GraphileOptions>();
const runner = await run({
  preset: { worker },
  noHandleSignals: true,
  logger: new Logger(() => () => undefined),
  taskList: { noop: async () => count.started() },
});
const count = countJobs(() => runner.stop());
runner.events.on('job:complete', () => count.ended());
tellReady();
