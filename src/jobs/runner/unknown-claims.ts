/** Rows that run under a runner without its knowledge: a claim that happened and whose answer was lost. */
import type { AttemptRef } from '../../tasks/life/end.ts';

export class UnknownClaims {
  /** How many claims have begun; each has its place as its number. */
  private begun = 0;
  private readonly underway = new Set<number>();
  /**
   * Rows that a flush has found, each with how many claims had begun by then: one of those has claimed it.
   * `cleared` once all of those have ended and have not told of it.
   */
  private suspects = new Map<string, number | 'cleared'>();

  /** Runs a claim; until it has ended, its rows are nothing strange. */
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
   * Of the rows that a flush found, those that nobody here will ever run: found again after every claim that
   * may have been theirs had ended. Not sooner: a claim may have been answered, and its attempt even have
   * ended, since the flush read the row.
   * @returns `lost`, and whether others of them are strange, which are worth asking about again
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

/** A task may run again under the same runner while its attempt before is still being put away. */
export function nameOf({ taskId, attempt }: AttemptRef): string {
  return `${taskId}/${attempt}`;
}
