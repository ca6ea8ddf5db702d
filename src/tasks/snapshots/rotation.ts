/**
 * Which finished tasks of a large refresh set are read in a tick. A finished task only changes when a person
 * retries or deletes it. Beyond ten thousand finished tasks each tick reads only a part of them, so that they
 * hold up no news of unfinished tasks.
 */
import type { FollowedTask } from './followed-task.ts';

/** PostgreSQL reads so many in 30 ms (measured). */
const finishedPerTick = 10_000;
/** Each finished task is read at least once in so many ticks, however many there are. */
const longestTurn = 10;

export class Rotation {
  private tick = 0;
  private turnLength = 1;
  private finished = 0;

  /** Begins the next tick. The number of finished tasks is the one that was counted in the tick before. */
  begin(): void {
    this.turnLength = Math.min(longestTurn, Math.max(1, Math.ceil(this.finished / finishedPerTick)));
    this.tick = (this.tick + 1) % this.turnLength;
    this.finished = 0;
  }

  /** Whether a task is read in this tick. It counts finished tasks, so call it once for each task. */
  has({ isFinished, number }: Pick<FollowedTask<unknown>, 'isFinished' | 'number'>): boolean {
    if (!isFinished) return true;
    this.finished += 1;
    return number % this.turnLength === this.tick;
  }
}
