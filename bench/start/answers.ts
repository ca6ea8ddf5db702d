/** Waits for the first answer of a server. */
import { setTimeout as sleep } from 'node:timers/promises';

const limitMs = 120_000;

/** Resolves at the first 200. */
export async function answers(url: string): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (performance.now() < untilMs) {
    if ((await fetch(url).catch(() => undefined))?.status === 200) return;
    await sleep(10);
  }
  throw new Error(`${url} has not answered with 200`);
}
