/** Compares Headway with a peer in rounds in turn, and prints the comparisons of all benchmarks as one table. */
import { median } from './quantile.ts';
import { print } from './support.ts';

/** How many rounds what is compared gets: with 15, the interval below leaves out the three outermost on each side. */
export const rounds = 15;

/** A line of the table. */
export interface Comparison {
  readonly what: string;
  /** What was measured, with its unit. */
  readonly headway: string;
  readonly peer: string;
  /** Headway's figure by the peer's, one for each round. */
  readonly ratios: readonly number[];
  /** The same of the requests that a second of processor time serves, where that was measured. */
  readonly byProcessorTime?: readonly number[];
}

/** The rounds of one server, or of whatever else serves requests. */
export interface Served {
  readonly requestsPerSecond: number;
  /** Microseconds of processor time for each request. */
  readonly processorUs: number;
}

/** Compares rates of requests, and the processor time of each; `own` and `peer` have one element for each round. */
export function compareServed(
  what: string,
  own: readonly Served[],
  peer: { readonly name: string; readonly measured: readonly Served[] },
): Comparison {
  const ratiosOf = (pick: (served: Served) => number) =>
    own.map((each, round) => pick(each) / pick(peer.measured[round] ?? each));
  return {
    what,
    headway: servedText(own),
    peer: `${peer.name}: ${servedText(peer.measured)}`,
    ratios: ratiosOf((each) => each.requestsPerSecond),
    byProcessorTime: ratiosOf((each) => 1 / each.processorUs),
  };
}

export function printComparisons(comparisons: readonly Comparison[]): void {
  if (comparisons.length === 0) return;
  print(`\nmedians of rounds in turn; ratios with their 95 % interval`);
  print('| what | Headway | peer | ratio | by processor time |');
  print('|---|---|---|---|---|');
  for (const { what, headway, peer, ratios, byProcessorTime } of comparisons) {
    const cells = [what, headway, peer, ratioText(ratios), byProcessorTime ? ratioText(byProcessorTime) : ''];
    print(`| ${cells.join(' | ')} |`);
  }
}

/** The median of some ratios, with its interval. */
export function ratioText(ratios: readonly number[]): string {
  const [low, high] = interval(ratios);
  return `${median(ratios).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

/**
 * The narrowest pair of measured values, each as far from its end, that has the median between it with a probability
 * of 95 % or more. It assumes no distribution: each value is above the median with a probability of one half.
 * The whole range where there are fewer than six values.
 */
export function interval(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let left = 0;
  // The probability that fewer than `left` + 1 values are below the median.
  let tail = 0.5 ** count;
  for (let term = tail; left < (count - 1) / 2; left += 1) {
    term *= (count - left) / (left + 1);
    if (2 * (tail + term) > 0.05) break;
    tail += term;
  }
  return [sorted[left] ?? Number.NaN, sorted[count - 1 - left] ?? Number.NaN];
}

function servedText(measured: readonly Served[]): string {
  const of = (pick: (served: Served) => number) => Math.round(median(measured.map(pick)));
  const rate = of((each) => each.requestsPerSecond).toLocaleString('en');
  return `${rate}/s, ${of((each) => each.processorUs)} µs of a processor each`;
}
