/** What the doctor finds, and how it is said to people and programs. */

/** What people are told of a kind of finding. */
export interface Explanation {
  /** For programs: lower-case words with hyphens; it does not change. */
  readonly check: string;
  readonly meaning: string;
  /** What puts it right by itself, and when. */
  readonly repair: string;
  /** What to do where that does not happen. */
  readonly otherwise: string;
}

export interface Finding extends Explanation {
  /** In words. */
  readonly what: string;
  /** How many tasks, entries, workers, files or connections it is true of. */
  readonly count: number;
  /** Up to five of them: ids, or whatever names them. */
  readonly examples: readonly string[];
}
