/** Starts the clients of `poller.ts`, and waits for their measurements. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Polled, PollerTask } from './poller.ts';

export async function poll(task: PollerTask): Promise<Polled> {
  const poller = fork(path.join(import.meta.dirname, 'poller.ts'));
  poller.send(task);
  const [polled] = (await once(poller, 'message')) as [Polled];
  return polled;
}
