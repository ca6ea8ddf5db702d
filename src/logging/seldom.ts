/** For messages that repeat: they are logged at most once in 10 s. */
const pauseMs = 10_000;

/** @returns a function that calls `say`, unless it has done so within the last 10 s */
export function seldom<Args extends unknown[]>(say: (...args: Args) => void): (...args: Args) => void {
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  return (...args) => {
    if (performance.now() < quietUntilMs) return;
    quietUntilMs = performance.now() + pauseMs;
    say(...args);
  };
}
