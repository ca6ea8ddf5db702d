/**
 * Which finished tasks of a large refresh set are read in a tick. Only a person changes them, by retry or
 * deletion: beyond ten thousand they are read in turn, so that they hold up no news of those that move.
 */
import type { Entry } from './entry.ts';

/** Read in 30 ms of PostgreSQL (measured). */
const finishedPerTick = 10_000;
/** Each is read at least every so many ticks, however many there are. */
const longestTurn = 10;

export class Rotation {
  private tick = 0;
  private turnLength = 1;
  private finished = 0;

  /** The next tick begins; how many are finished is known from the one before. */
  begin(): void {
    this.turnLength = Math.min(longestTurn, Math.max(1, Math.ceil(this.finished / finishedPerTick)));
    this.tick = (this.tick + 1) % this.turnLength;
    this.finished = 0;
  }

  /** Whether it is read in this tick. To be asked once of each entry. */
  has({ isFinished, number }: Pick<Entry<unknown>, 'isFinished' | 'number'>): boolean {
    if (!isFinished) return true;
    this.finished += 1;
    return number % this.turnLength === this.tick;
  }
}
