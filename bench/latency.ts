/** Measures the time from the POST of a task to the first line of its job, on an idle service. */
import { median, quantile } from './quantile.ts';
import { finished, print, submit, withService } from './support.ts';

const tasks = 200;

export function run(): Promise<void> {
  return withService(1, async (bench) => {
    const latencies: number[] = [];
    for (let i = 0; i < tasks; i += 1) {
      const postedNs = process.hrtime.bigint();
      const { result } = await finished(await submit(bench, 'bench-noop', null), 5);
      const { startedNs } = result as { startedNs: string };
      latencies.push(Number(BigInt(startedNs) - postedNs) / 1e6);
    }
    print(`from POST to the job's first line, ${tasks} tasks one after the other`);
    print(`  median ${median(latencies).toFixed(1)} ms, p95 ${quantile(latencies, 0.95).toFixed(1)} ms`);
  });
}
