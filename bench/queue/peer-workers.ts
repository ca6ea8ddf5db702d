/** The workers of a peer, each in a process of its own, as a runner is. They wait between the rounds. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { PeerCount } from './peer-process.ts';

export class PeerWorkers {
  private readonly children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.children = children;
  }

  /** @param file the program of a worker, in this folder; `options` are sent to it */
  static async start(file: string, options: object, workers: number): Promise<PeerWorkers> {
    const children = Array.from({ length: workers }, () => fork(path.join(import.meta.dirname, file)));
    await Promise.all(
      children.map((child) => {
        child.send(options);
        return answer(child, 'ready');
      }),
    );
    return new PeerWorkers(children);
  }

  /**
   * Jobs per second, from the start of the first job in any process to the end of the last one.
   * @param addJobs adds `count` jobs
   */
  async drain(count: number, addJobs: () => Promise<unknown>): Promise<number> {
    await Promise.all(
      this.children.map((child) => {
        child.send('again');
        return answer(child, 'counting');
      }),
    );
    const counts = this.counted(count);
    await addJobs();
    const active = (await counts).filter(({ done }) => done > 0);
    const first = Math.min(...active.map(({ firstStartedNs }) => Number(firstStartedNs)));
    const last = Math.max(...active.map(({ lastEndedNs }) => Number(lastEndedNs)));
    return count / ((last - first) / 1e9);
  }

  /** Resolves when the processes have ended `count` jobs together. */
  private counted(count: number): Promise<PeerCount[]> {
    const counts = new Map<ChildProcess, PeerCount>();
    const { promise, resolve } = Promise.withResolvers<PeerCount[]>();
    const listeners = this.children.map((child) => {
      const onCount = (told: PeerCount) => {
        counts.set(child, told);
        if ([...counts.values()].reduce((sum, { done }) => sum + done, 0) >= count)
          resolve([...counts.values()]);
      };
      child.on('message', onCount);
      return () => child.off('message', onCount);
    });
    return promise.finally(() => {
      for (const stopListening of listeners) stopListening();
    });
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.children.map((child) => {
        child.send('stop');
        return new Promise((resolve) => child.once('exit', resolve));
      }),
    );
  }
}

function answer(child: ChildProcess, expected: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('A worker of a peer has ended'));
    child.once('exit', onExit);
    child.on('message', function onMessage(message) {
      if (message !== expected) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve();
    });
  });
}
