/**
 * Runs one piece of work per turn of the event loop, so that short answers are sent in between. It is for
 * work of a millisecond or more that many clients may ask for at once, such as rendering a page or sending a
 * large answer.
 */
const waiting: (() => void)[] = [];

/** Calls `work` in a later turn of the event loop, after all that was passed in before. */
export function oneATurn(work: () => void): void {
  waiting.push(work);
  if (waiting.length === 1) setImmediate(turn);
}

function turn(): void {
  const [work] = waiting;
  try {
    work?.();
  } finally {
    waiting.shift();
    if (waiting.length > 0) setImmediate(turn);
  }
}
