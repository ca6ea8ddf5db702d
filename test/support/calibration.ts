/**
 * Promises about time on machines of any speed and with any neighbours: beside what is promised, a test allows for
 * what a known operation takes at that moment.
 */
import { once } from 'node:events';
import { launch } from './launch.ts';

/** So many starts of an empty Node process may a busy machine add to what is promised. */
const allowedStarts = 30;

/** What a busy machine may add at this moment, in milliseconds; about a second where it is idle. */
export async function allowanceMs(): Promise<number> {
  const began = performance.now();
  await once(launch(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'exit');
  return allowedStarts * (performance.now() - began);
}

export interface Timed<T> {
  readonly value: T;
  readonly ms: number;
  /** To be added to what is promised. */
  readonly allowanceMs: number;
}

/** Measures how long `work` takes, and what must be allowed for before and after it. */
export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const before = await allowanceMs();
  const began = performance.now();
  const value = await work();
  const ms = performance.now() - began;
  return { value, ms, allowanceMs: Math.max(before, await allowanceMs()) };
}

/** Answers what `work` answers; throws where that took longer than promised, and than the machine explains. */
export async function within<T>(promisedMs: number, work: () => Promise<T>): Promise<T> {
  const { value, ms, allowanceMs: allowed } = await timed(work);
  if (ms > promisedMs + allowed) {
    throw new Error(
      `It took ${ms.toFixed(0)} ms: promised are ${promisedMs}, and ${allowed.toFixed(0)} allowed`,
    );
  }
  return value;
}
