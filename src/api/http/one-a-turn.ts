/**
 * Work of a millisecond or more that many may ask for at once, as to render a page or to send a large answer: one
 * piece in each turn of the event loop, so that whoever asks for little is served in between.
 */
const waiting: (() => void)[] = [];

/** Calls `work` when its turn has come. */
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
