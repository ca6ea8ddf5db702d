/**
 * How fast the rest of an attempt's work will probably go, from what was done by when.
 *
 * It is a mean over time in which a stretch counts less the older it is, as in indicatif, whose mean forgets
 * within seconds. This one remembers three minutes at least, so that it holds still where the work stops and
 * goes. What was done before the work became slower (`slower-phase.ts`) it forgets at once, as any mean would do
 * that too slowly after a burst, or where most was already there.
 */
import { type Mark, rateBetween, stretchesOf } from './marks.ts';
import { startOfSlowerPhase } from './slower-phase.ts';

/** The age at which a stretch counts e times less: this, or the share of the time measured if that is longer. */
const shortestMemoryMs = 180_000;
const memoryShare = 0.5;
/** More marks are not kept: every second of the older ones is left out. */
const mostMarks = 60;
const recentMarks = 20;

/** A pace is told once this share of the work, or so much time, has been measured, … */
const tellingShare = 0.025;
const tellingMs = 60_000;
/** … but not within the first second, … */
const shortestMs = 1_000;
/** … and in the first ten seconds only if neither half of the time was so many times as fast as the other. */
const unevenMs = 10_000;
const evenRatio = 3;
/** One stretch that is so many times slower than all before is a pause or the end of a burst: the next one tells. */
const unclearRatio = 8;
/** In a new phase, so many stretches must be known, unless they are this share of what it has to do. */
const newPhaseStretches = 3;
const newPhaseShare = 0.1;
/** A slower phase must last so long; after one that turned out to be a pause, so long, or twice as long as that one. */
const leastPhaseMs = 2_000;
const leastPhaseAfterPauseMs = 60_000;
/** Time before the first progress is preparation if what follows is so much faster, by so many doublings in sum. */
const preparationRatio = 3;
const preparationDoublings = 4;

export class Pace {
  private marks: Mark[] = [];
  /** Whether the first stretch begins with the attempt, so that it contains preparations, if there are any. */
  private mayHavePrepared: boolean;
  private phases = 1;
  /** The faster phase that was left out last, and the rate from which on it has come back. */
  private leftOut: { readonly marks: readonly Mark[]; readonly backAt: number } | undefined;
  private leastPhaseMs = leastPhaseMs;

  /** @param startedAtMs when the work began from 0; undefined where it goes on from what was done before */
  constructor(startedAtMs: number | undefined) {
    this.mayHavePrepared = startedAtMs !== undefined;
    if (startedAtMs !== undefined) this.marks.push({ atMs: startedAtMs, done: 0 });
  }

  /** Changes when the work has entered a slower phase, and when that turned out to be a pause. */
  get phase(): number {
    return this.phases;
  }

  /** @returns whether it is progress */
  add(done: number, atMs: number): boolean {
    const last = this.marks.at(-1);
    if (last && (done <= last.done || atMs <= last.atMs)) return false;
    this.marks.push({ atMs, done });
    this.leaveOutPreparation();
    this.takeBackFasterPhase();
    this.leaveOutFasterPhase();
    this.leaveOutMarks();
    return last !== undefined;
  }

  /** Units per millisecond for the rest of the work; null while nobody can tell. */
  rateOfRest(total: number): number | null {
    const [first] = this.marks;
    const last = this.marks.at(-1);
    if (!first || !last || first === last) return null;
    const share = (last.done - first.done) / (total - first.done);
    const measuredMs = last.atMs - first.atMs;
    if (measuredMs < shortestMs || (measuredMs < tellingMs && share < tellingShare)) return null;
    const stretches = this.marks.length - 1;
    if (this.phases > 1 && stretches < newPhaseStretches && share < newPhaseShare) return null;
    return this.isClear(measuredMs) ? this.mean(last.atMs) : null;
  }

  private isClear(measuredMs: number): boolean {
    if (this.marks.length === 2) return true;
    const [first, lastBut, last] = [this.marks[0], ...this.marks.slice(-2)] as [Mark, Mark, Mark];
    if (rateBetween(lastBut, last) < rateBetween(first, lastBut) / unclearRatio) return false;
    if (measuredMs >= unevenMs) return true;
    const middle = this.marks.find(({ atMs }) => atMs >= (first.atMs + last.atMs) / 2) as Mark;
    const ratio = middle === last ? 1 : rateBetween(first, middle) / rateBetween(middle, last);
    return ratio <= evenRatio && ratio >= 1 / evenRatio;
  }

  private mean(nowMs: number): number {
    const memoryMs = Math.max(shortestMemoryMs, memoryShare * (nowMs - (this.marks[0] as Mark).atMs));
    let units = 0;
    let ms = 0;
    for (const [from, to] of stretchesOf(this.marks)) {
      const weight = Math.exp(((from.atMs + to.atMs) / 2 - nowMs) / memoryMs);
      units += weight * (to.done - from.done);
      ms += weight * (to.atMs - from.atMs);
    }
    return units / ms;
  }

  private leaveOutPreparation(): void {
    if (!this.mayHavePrepared || this.marks.length < 3) return;
    const [start, first] = this.marks as [Mark, Mark];
    const ratio = rateBetween(first, this.marks.at(-1) as Mark) / rateBetween(start, first);
    if (ratio < preparationRatio || (this.marks.length - 2) * Math.log2(ratio) < preparationDoublings) return;
    this.marks.shift();
    this.mayHavePrepared = false;
  }

  private leaveOutFasterPhase(): void {
    const index = startOfSlowerPhase(this.marks, this.leastPhaseMs);
    if (index === undefined) return;
    const [first, start, last] = [this.marks[0], this.marks[index], this.marks.at(-1)] as [Mark, Mark, Mark];
    const backAt = Math.sqrt(rateBetween(first, start) * rateBetween(start, last));
    this.leftOut = { marks: this.marks.slice(0, index), backAt };
    this.marks = this.marks.slice(index);
    this.mayHavePrepared = false;
    this.phases += 1;
  }

  /** Where the work goes on as fast as before, twice in a row, the slower phase was a pause. */
  private takeBackFasterPhase(): void {
    const { leftOut } = this;
    const stretches = stretchesOf(this.marks.slice(-3));
    if (!leftOut || stretches.length < 2) return;
    if (stretches.some(([from, to]) => rateBetween(from, to) < leftOut.backAt)) return;
    const pauseMs = (this.marks.at(-3) as Mark).atMs - (this.marks[0] as Mark).atMs;
    this.leastPhaseMs = Math.max(leastPhaseAfterPauseMs, 2 * pauseMs);
    this.marks = [...leftOut.marks, ...this.marks];
    this.leftOut = undefined;
    this.phases += 1;
  }

  private leaveOutMarks(): void {
    if (this.marks.length <= mostMarks) return;
    const recentFrom = this.marks.length - recentMarks;
    this.marks = this.marks.filter((_, index) => index >= recentFrom || index % 2 === 0);
  }
}
