/** The counts, times and problems of a scenario. */
import { allowanceMs } from '../support/calibration.ts';

export class Tally {
  readonly scenario: string;
  readonly seed: number;
  /** Events that must not happen; empty if all is well. */
  readonly problems: string[] = [];
  /** Durations above the promise plus what a busy machine may add. */
  readonly delays: string[] = [];
  private readonly counts = new Map<string, number>();
  private readonly times = new Map<string, number[]>();

  constructor(scenario: string, seed: number) {
    this.scenario = scenario;
    this.seed = seed;
  }

  count(name: string, by = 1): void {
    this.counts.set(name, this.of(name) + by);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /**
   * Notes a duration, and a delay if it is above the promise plus what a busy machine may add at this moment.
   */
  async measure(name: string, ms: number, promisedMs: number): Promise<void> {
    this.times.set(name, [...(this.times.get(name) ?? []), ms]);
    if (ms <= promisedMs) return;
    const limitMs = promisedMs + (await allowanceMs());
    if (ms > limitMs) this.delays.push(`${name}: ${Math.round(ms)} ms, over ${Math.round(limitMs)} ms`);
  }

  get isWell(): boolean {
    return this.problems.length === 0 && this.delays.length === 0;
  }

  problem(text: string): void {
    this.problems.push(text);
  }

  toString(): string {
    const counts = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const lines = counts.map(([name, count]) => `  ${String(count).padStart(5)}  ${name}`);
    for (const [name, all] of this.times) {
      const sorted = all.toSorted((a, b) => a - b);
      const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
      lines.push(`  ${name}: median ${Math.round(median)} ms, max ${Math.round(sorted.at(-1) ?? 0)} ms`);
    }
    const verdict = this.isWell
      ? ['  all is well']
      : [...this.problems, ...this.delays].map((text) => `  ✗ ${text}`);
    return [`${this.scenario}, HEADWAY_CHAOS_SEED=${this.seed}`, ...lines, ...verdict].join('\n');
  }
}
