/** Drains a queue with graphile-worker, and tells how many seconds that took. */
import { once } from 'node:events';
import { Logger, run } from 'graphile-worker';

export interface Drain {
  readonly databaseUrl: string;
  readonly concurrency: number;
  readonly count: number;
}

const [{ databaseUrl, concurrency, count }] = (await once(process, 'message')) as [Drain];
let startedMs = 0;
let completed = 0;
const runner = await run({
  connectionString: databaseUrl,
  concurrency,
  noHandleSignals: true,
  logger: new Logger(() => () => undefined),
  taskList: {
    noop: async () => {
      if (startedMs === 0) startedMs = performance.now();
    },
  },
});
runner.events.on('job:complete', () => {
  completed += 1;
  if (completed < count) return;
  process.send?.((performance.now() - startedMs) / 1000);
  void runner.stop().then(() => process.disconnect());
});
