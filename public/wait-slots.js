/**
 * Limits how many questions one browser lets the service hold to three. Over HTTP/1.1 a browser has six
 * connections to a host for all of its windows: held questions must leave some of them for everything else.
 */

const names = ['headway-wait-1', 'headway-wait-2', 'headway-wait-3'];

/**
 * Does the work unless three other windows are doing such work.
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result | undefined>} undefined when there were too many, and the work was not done
 */
export async function inSlot(work) {
  // Browsers have locks on secure origins only. Elsewhere there is no limit; few pages are visible, and
  // hidden ones hold no questions.
  if (!navigator.locks) return work();
  for (const name of names) {
    const done = await navigator.locks.request(name, { ifAvailable: true }, async (lock) =>
      lock ? { result: await work() } : undefined,
    );
    if (done) return done.result;
  }
  return undefined;
}
