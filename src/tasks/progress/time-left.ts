/**
 * The time that the rest of an attempt's work will probably take, as people are told: it counts down, and does
 * not jump.
 *
 * As in Firefox's downloads, what is told yields more easily downwards than upwards: nobody minds that work is
 * done early. It grows only where the estimate is half as long again, and then at once, so that people see one
 * step instead of a time left that creeps up.
 */
import { Pace } from './pace.ts';

/** What is told grows where the estimate is so many times as long. */
const growthRatio = 1.5;
/** What is told falls to the estimate at once where the estimate is so many times shorter, … */
const fallRatio = 3;
/** … and otherwise approaches it, by a factor of e in this share of the time since the start. */
const approachShare = 0.15;
const shortestApproachMs = 2_000;

export class TimeLeft {
  private readonly pace: Pace;
  private startedAtMs: number | undefined;
  private toldMs: number | null = null;
  private toldAtMs = 0;
  private total = 0;

  /** @param startedAtMs when the work began from 0; undefined where it goes on from what was done before */
  constructor(startedAtMs: number | undefined) {
    this.pace = new Pace(startedAtMs);
    this.startedAtMs = startedAtMs;
  }

  /**
   * Takes what is done by now.
   * @param total 0 while it is unknown
   * @param atMs monotonic time
   * @returns the seconds left as of the last progress; null while they are unknown
   */
  sample(done: number, total: number, atMs: number): number | null {
    this.startedAtMs ??= atMs;
    const { phase } = this.pace;
    const isProgress = this.pace.add(done, atMs);
    // What was told was about another pace.
    if (this.pace.phase > phase) this.toldMs = null;
    const rate = done < total ? this.pace.rateOfRest(total) : null;
    const isNews = isProgress || total !== this.total || this.toldMs === null;
    this.total = total;
    if (rate !== null && isNews) this.tell((total - done) / rate, atMs, atMs - this.startedAtMs);
    return done < total && this.toldMs !== null ? this.toldMs / 1000 : null;
  }

  private tell(estimateMs: number, atMs: number, sinceStartMs: number): void {
    const told = this.toldMs;
    const passedMs = atMs - this.toldAtMs;
    this.toldAtMs = atMs;
    if (told === null || estimateMs > growthRatio * told || estimateMs < told / fallRatio) {
      this.toldMs = estimateMs;
      return;
    }
    const countedMs = told - passedMs;
    if (estimateMs > countedMs) {
      this.toldMs = Math.min(told, estimateMs);
      return;
    }
    const approachMs = Math.max(shortestApproachMs, approachShare * sinceStartMs);
    this.toldMs = estimateMs + (countedMs - estimateMs) * Math.exp(-passedMs / approachMs);
  }
}
