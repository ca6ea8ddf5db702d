/** Rows that run under a runner without its knowledge: a claim that happened and whose answer was lost. */
import type { AttemptRef } from '../tasks/end.ts';
import type { FetchedEntry } from '../tasks/queue.ts';

export class UnknownClaims {
  /** The batches that are being claimed now. */
  private readonly underway = new Set<readonly FetchedEntry[]>();
  private suspects = new Set<string>();

  /** Runs a claim; until it has ended, its rows are nothing strange. */
  async during<T>(entries: readonly FetchedEntry[], claim: () => Promise<T>): Promise<T> {
    this.underway.add(entries);
    try {
      return await claim();
    } finally {
      this.underway.delete(entries);
    }
  }

  /**
   * Of the rows that a flush found, those that nobody here will ever run: it has found them twice, and no
   * claim of them is under way. Once is not enough: a claim may have been answered, and its attempt even
   * have ended, since the flush read the row.
   * @returns `lost`, and whether there are others, which are worth asking about again
   */
  sift(rows: readonly AttemptRef[], isKnown: (taskId: string) => boolean) {
    const claiming = new Set([...this.underway].flatMap((entries) => entries.map((entry) => entry.taskId)));
    const strange = rows.filter(({ taskId }) => !isKnown(taskId) && !claiming.has(taskId));
    const lost = strange.filter((row) => this.suspects.has(nameOf(row)));
    this.suspects = new Set(strange.map(nameOf));
    return { lost, hasOthers: lost.length < rows.length };
  }
}

function nameOf({ taskId, attempt }: AttemptRef): string {
  return `${taskId}/${attempt}`;
}
