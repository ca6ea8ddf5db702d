/** Measures what the README promises about time when something dies, fails or is stopped. */
import * as outages from './promises/outages.ts';
import type { Promised } from './promises/promised.ts';
import * as stops from './promises/stops.ts';
import * as workers from './promises/workers.ts';
import { median } from './quantile.ts';
import { print } from './support.ts';

export async function run(): Promise<void> {
  print('promises about time, each with its limit and the measured times');
  for (const { measure } of [workers, outages, stops]) for (const promised of await measure()) show(promised);
}

function show({ what, limitMs, times }: Promised): void {
  const figures = `median ${seconds(median(times))}, max ${seconds(Math.max(...times))} of ${times.length}`;
  print(`  ${what}: ${seconds(limitMs)}; ${figures}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1_000 ? 2 : 1)} s`;
}
