/** Inside the process of a peer's worker: counts its jobs, and tells the benchmark. */
import { once } from 'node:events';

/** What a process has done since the benchmark last asked for a new count. Times are of the machine's monotonic clock. */
export interface PeerCount {
  readonly done: number;
  readonly firstStartedNs: string;
  readonly lastEndedNs: string;
}

const tellEveryMs = 20;

/** Resolves with the options that `PeerWorkers` sends. The process ends with the benchmark. */
export async function peerOptions<Options>(): Promise<Options> {
  process.on('disconnect', () => process.exit(0));
  const [options] = (await once(process, 'message')) as [Options];
  return options;
}

/** Starts to count. `stop` ends the worker. */
export function countJobs(stop: () => Promise<unknown>): { started(): void; ended(): void } {
  let count = { done: 0, firstStartedNs: '0', lastEndedNs: '0' };
  let told = 0;
  process.on('message', async (order: 'again' | 'stop') => {
    if (order === 'again') {
      count = { done: 0, firstStartedNs: '0', lastEndedNs: '0' };
      told = 0;
      process.send?.('counting');
      return;
    }
    await stop();
    process.exit(0);
  });
  setInterval(() => {
    if (count.done === told) return;
    told = count.done;
    process.send?.(count);
  }, tellEveryMs);
  const now = () => String(process.hrtime.bigint());
  return {
    started: () => {
      if (count.firstStartedNs === '0') count.firstStartedNs = now();
    },
    ended: () => {
      count.done += 1;
      count.lastEndedNs = now();
    },
  };
}

/** Says that the worker waits for jobs. */
export function tellReady(): void {
  process.send?.('ready');
}
