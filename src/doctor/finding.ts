/** The form in which the doctor reports findings to people and programs. */

/** What the doctor tells people about a kind of finding. */
export interface Explanation {
  /** The name of the kind for programs, in lower-case words with hyphens. It never changes. */
  readonly check: string;
  readonly meaning: string;
  /** What repairs the finding by itself, and when. */
  readonly repair: string;
  /** What a person can do if that repair does not happen. */
  readonly otherwise: string;
}

export interface Finding extends Explanation {
  /** The finding in a few words. */
  readonly what: string;
  /** How many tasks, entries, workers, files or connections are affected. */
  readonly count: number;
  /** Up to five of the affected, by id or name. */
  readonly examples: readonly string[];
}
