/**
 * How many questions one browser lets the service hold. Over HTTP/1.1 it has six connections to a host
 * for all of its windows: held questions must leave some of them for everything else.
 */

const names = ['headway-wait-1', 'headway-wait-2', 'headway-wait-3'];

/**
 * Does the work while no more than two other windows do the like.
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result | undefined>} undefined where there are too many, and nothing was done
 */
export async function inSlot(work) {
  // Browsers have locks on secure origins only: elsewhere it is left to chance, as hidden pages hold nothing.
  if (!navigator.locks) return work();
  for (const name of names) {
    const done = await navigator.locks.request(name, { ifAvailable: true }, async (lock) =>
      lock ? { result: await work() } : undefined,
    );
    if (done) return done.result;
  }
  return undefined;
}
