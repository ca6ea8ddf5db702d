/** What the snapshots are made of, and who is told of them. */

/** One version of a task as it is sent. */
export interface Snapshot<Answer> {
  readonly id: string;
  readonly version: number;
  readonly answer: Answer;
}

/** Which version of a task somebody knows. */
export type Known = Pick<Snapshot<unknown>, 'id' | 'version'>;

/** What was known when the database last answered. */
export interface Remembered<Answer> {
  readonly snapshot: Snapshot<Answer>;
  /** How long ago that was, rounded down. */
  readonly ageSeconds: number;
}

/** Follows a task, and is told in the tick that finds a change. */
export interface Watcher<Answer> {
  changed(snapshot: Snapshot<Answer>): void;
  /** The task was deleted; nothing more will come. */
  gone(id: string): void;
}
