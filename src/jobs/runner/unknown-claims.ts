/**
 * Finds tasks that run under a runner without its knowledge: their claim committed, but its answer was lost.
 */
import type { AttemptRef } from '../../tasks/life/end.ts';

export class UnknownClaims {
  /** How many claims have begun. Each claim is numbered by how many began before it. */
  private begun = 0;
  private readonly underway = new Set<number>();
  /**
   * Unknown rows that a flush has found, each with how many claims had begun by then: one of these claims has
   * claimed the row. The value becomes `cleared` when all of them have ended and the row is still unknown.
   */
  private suspects = new Map<string, number | 'cleared'>();

  /** Runs a claim. Until it has ended, rows that it may have claimed do not count as lost. */
  async during<T>(claim: () => Promise<T>): Promise<T> {
    const number = this.begun;
    this.begun += 1;
    this.underway.add(number);
    try {
      return await claim();
    } finally {
      this.underway.delete(number);
    }
  }

  /**
   * Finds, among the rows that a flush returned, the rows that this runner will never run. A row counts as
   * lost when it is found again after every claim that may have claimed it has ended. It must be found again,
   * because since the flush read the row, its claim may have been answered, and its attempt may even have
   * ended.
   * @returns `lost`: these rows; `hasOthers`: whether more rows are unknown, so that it is worth asking again
   */
  sift(rows: readonly AttemptRef[], isKnown: (row: AttemptRef) => boolean) {
    const strange = rows.filter((row) => !isKnown(row));
    const lost = strange.filter((row) => this.suspects.get(nameOf(row)) === 'cleared');
    this.suspects = new Map(strange.map((row) => [nameOf(row), this.suspicionOf(nameOf(row))]));
    return { lost, hasOthers: lost.length < strange.length };
  }

  private suspicionOf(name: string): number | 'cleared' {
    const known = this.suspects.get(name) ?? this.begun;
    const haveEnded = known === 'cleared' || [...this.underway].every((number) => number >= known);
    return haveEnded ? 'cleared' : known;
  }
}

/**
 * Names an attempt. The task's id is not enough: the task may run again under the same runner while its
 * attempt before is still ending.
 */
export function nameOf({ taskId, attempt }: AttemptRef): string {
  return `${taskId}/${attempt}`;
}
