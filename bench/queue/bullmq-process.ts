/** A worker of BullMQ. It keeps no finished jobs, as that is faster. */
import { type BullOptions, requireBull } from './bullmq.ts';
import { countJobs, peerOptions, tellReady } from './peer-process.ts';

const { connection, queue, concurrency } = await peerOptions<BullOptions>();
const { Worker } = requireBull();
const worker = new Worker(queue, async () => count.started(), {
  connection,
  concurrency,
  removeOnComplete: { count: 0 },
});
const count = countJobs(() => worker.close());
worker.on('completed', () => count.ended());
await worker.waitUntilReady();
tellReady();
