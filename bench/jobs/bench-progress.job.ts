import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { defineJob } from '../../src/jobs/define-job.ts';

/**
 * Rounds of a million iterations of about a microsecond of work, with and without a call of
 * `progress()` in each, in turn; the loop yields between slices as a real job would.
 */
export default defineJob({
  type: 'bench-progress',
  input: z.object({ rounds: z.int(), iterations: z.int() }),
  result: z.object({ plainMs: z.array(z.number()), reportingMs: z.array(z.number()), checksum: z.number() }),
  async run({ rounds, iterations }, task) {
    const plainMs: number[] = [];
    const reportingMs: number[] = [];
    const total = rounds * iterations;
    let checksum = 0;
    let done = 0;
    for (let round = 0; round < rounds; round += 1) {
      plainMs.push(
        await timed(iterations, (from, to) => {
          for (let i = from; i < to; i += 1) checksum = work(checksum, i);
        }),
      );
      reportingMs.push(
        await timed(iterations, (from, to) => {
          for (let i = from; i < to; i += 1) {
            checksum = work(checksum, i);
            done += 1;
            task.progress(done, total);
          }
        }),
      );
    }
    return { plainMs, reportingMs, checksum };
  },
});

const slice = 10_000;

/** Milliseconds inside the slices; the turns of the event loop between them do not count. */
async function timed(iterations: number, run: (from: number, to: number) => void): Promise<number> {
  let spent = 0;
  for (let from = 0; from < iterations; from += slice) {
    const startedAt = performance.now();
    run(from, Math.min(iterations, from + slice));
    spent += performance.now() - startedAt;
    await nextTurn();
  }
  return spent;
}

/** About a microsecond. */
function work(seed: number, i: number): number {
  let value = seed ^ i;
  for (let n = 0; n < 400; n += 1) value = (Math.imul(value, 1664525) + 1013904223) | 0;
  return value;
}
