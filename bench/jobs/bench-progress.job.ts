import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';

/**
 * Runs iterations of about a microsecond of work, in slices that call `progress()` in each iteration and
 * slices that do not, in turn, so that other load of the machine affects both alike. It pauses between
 * slices, so that a run takes as long as planned.
 */
export default defineJob({
  type: 'bench-progress',
  input: z.object({ iterations: z.int(), sliceLength: z.int(), pauseMs: z.number() }),
  /** Nanoseconds per iteration, for each slice. */
  result: z.object({ plainNs: z.array(z.number()), reportingNs: z.array(z.number()), checksum: z.number() }),
  async run({ iterations, sliceLength, pauseMs }, task) {
    const plainNs: number[] = [];
    const reportingNs: number[] = [];
    let checksum = 0;
    const plain = (from: number) => {
      for (let i = from; i < from + sliceLength; i += 1) checksum = work(checksum, i);
    };
    const reporting = (from: number) => {
      for (let i = from; i < from + sliceLength; i += 1) {
        checksum = work(checksum, i);
        task.progress(i + 1, iterations);
      }
    };
    for (let from = 0; from < iterations; from += sliceLength) {
      // The second of the two finds warmer caches, so they take turns in being the second.
      const isPlainFirst = (from / sliceLength) % 2 === 0;
      const first = timed(isPlainFirst ? plain : reporting, from, sliceLength);
      const second = timed(isPlainFirst ? reporting : plain, from, sliceLength);
      plainNs.push(isPlainFirst ? first : second);
      reportingNs.push(isPlainFirst ? second : first);
      await sleep(pauseMs);
    }
    return { plainNs, reportingNs, checksum };
  },
});

function timed(run: (from: number) => void, from: number, iterations: number): number {
  const startedAt = performance.now();
  run(from);
  return ((performance.now() - startedAt) * 1e6) / iterations;
}

/** Takes about a microsecond. */
function work(seed: number, i: number): number {
  let value = seed ^ i;
  for (let n = 0; n < 900; n += 1) value = (Math.imul(value, 1664525) + 1013904223) | 0;
  return value;
}
