/** A promise about time, with the measured times. */

export interface Promised {
  readonly what: string;
  readonly limitMs: number;
  readonly times: readonly number[];
}

export async function msOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Runs the rounds one after the other, and returns their results. */
export async function repeated<T>(rounds: number, round: () => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let number = 0; number < rounds; number += 1) answers.push(await round());
  return answers;
}
