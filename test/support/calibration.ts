/**
 * Tests of promises about time, on machines of any speed and load: on top of the promised time, a test allows
 * for the time that a known operation takes at that moment.
 */
import { once } from 'node:events';
import { launch } from './launch.ts';

/** A busy machine may add the time of this many starts of an empty Node process. */
const allowedStarts = 30;

/** How much a busy machine may add at this moment, in milliseconds; about a second on an idle machine. */
export async function allowanceMs(): Promise<number> {
  const began = performance.now();
  await once(launch(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'exit');
  return allowedStarts * (performance.now() - began);
}

export interface Timed<T> {
  readonly value: T;
  readonly ms: number;
  /** How much to add to the promised time. */
  readonly allowanceMs: number;
}

/** Measures how long `work` takes, and the allowance before and after it. */
export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const before = await allowanceMs();
  const began = performance.now();
  const value = await work();
  const ms = performance.now() - began;
  return { value, ms, allowanceMs: Math.max(before, await allowanceMs()) };
}

/** Returns the result of `work`. Throws if `work` took longer than promised plus the allowance. */
export async function within<T>(promisedMs: number, work: () => Promise<T>): Promise<T> {
  const { value, ms, allowanceMs: allowed } = await timed(work);
  if (ms > promisedMs + allowed) {
    throw new Error(
      `It took ${ms.toFixed(0)} ms: promised are ${promisedMs}, and ${allowed.toFixed(0)} allowed`,
    );
  }
  return value;
}
