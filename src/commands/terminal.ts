/** Output and questions of commands to a person at a terminal. */
import { createInterface } from 'node:readline/promises';

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Whether a person at a terminal can answer questions. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

/**
 * Asks a question. Only "y" and "yes" mean yes; anything else means no, also Ctrl-C and the end of the input.
 */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const cancelled = new AbortController();
  for (const event of ['SIGINT', 'close']) terminal.once(event, () => cancelled.abort());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: cancelled.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    // `question` throws only when the signal aborts: no answer means no.
    process.stdout.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}

/**
 * Makes text from outside safe to print: without control characters, which a terminal would obey, and cut to
 * a length.
 */
export function plain(text: string, length: number): string {
  const clean = text.replaceAll(/\p{C}/gu, ' ');
  return clean.length > length ? `${clean.slice(0, length - 1)}…` : clean;
}
