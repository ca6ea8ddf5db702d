/**
 * What was done by when. Between two marks lies a stretch: it lasts from one progress to the next, so that a
 * pause belongs to the progress that ends it.
 */
export interface Mark {
  readonly atMs: number;
  readonly done: number;
}

/** Units per millisecond. */
export function rateBetween(from: Mark, to: Mark): number {
  return (to.done - from.done) / (to.atMs - from.atMs);
}

/** The stretches between the marks, oldest first. */
export function stretchesOf(marks: readonly Mark[]): [from: Mark, to: Mark][] {
  return marks.slice(1).map((to, index) => [marks[index] as Mark, to]);
}
