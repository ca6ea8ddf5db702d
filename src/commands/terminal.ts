/** What commands say to a person at a terminal, and ask. */
import { createInterface } from 'node:readline/promises';

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Whether a person is there to answer. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

/** Asks for a yes; anything else, Ctrl-C and the end of the input included, is a no. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const cancelled = new AbortController();
  for (const event of ['SIGINT', 'close']) terminal.once(event, () => cancelled.abort());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: cancelled.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    // Only the signal makes it throw.
    process.stdout.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}

/** Text from elsewhere without what a terminal would obey, cut to a length. */
export function plain(text: string, length: number): string {
  const clean = text.replaceAll(/\p{C}/gu, ' ');
  return clean.length > length ? `${clean.slice(0, length - 1)}…` : clean;
}
