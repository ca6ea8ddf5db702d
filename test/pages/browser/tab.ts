/** A tab for one test, on a server for this test, whose task the test moves by hand. */
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { TestContext } from 'vitest';
import { openContext } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { now } from '../views.ts';
import { PageServer } from './page-server.ts';

const hourMs = 3_600_000;

/** Whatever the page complains of fails the test. */
export async function openTab(test: TestContext, options: BrowserContextOptions = {}) {
  const server = new PageServer();
  await server.start();
  test.onTestFinished(() => server.stop());
  const context = await openContext(test, options);
  const page = await context.newPage();
  const text = (name: string): Locator => page.locator(`[data-live=${name}]`);
  const asksSince = (time: number): number => server.asked.filter(({ at }) => at >= time).length;
  return { server, context, page, text, asksSince };
}

/**
 * A tab whose clock moves only when the test lets time pass. Its timers, frames and times do not depend on
 * how fast the machine is. Questions are held until they are released.
 */
export async function openStillTab(test: TestContext, options: BrowserContextOptions = {}) {
  const tab = await openTab(test, options);
  const { server, page } = tab;
  server.waitsForEver = true;
  // The clock runs until it is paused, which may take a while.
  await page.clock.install({ time: new Date(now.getTime() - hourMs) });
  await page.clock.pauseAt(new Date(now.getTime() + 1000));

  /** Lets time pass in steps, and waits after each step until all questions are answered or held. */
  const pass = async (ms: number, stepMs = 100): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      await page.clock.runFor(Math.min(stepMs, ms - passedMs));
      await eventually(() => server.isAtRest, { intervalMs: 2 });
    }
  };
  /** Lets time pass until a condition holds. */
  const passUntil = (isSo: () => boolean | Promise<boolean>, stepMs = 100): Promise<boolean> =>
    eventually(async () => {
      await pass(stepMs, stepMs);
      return isSo();
    });
  const passUntilSeen = (locator: Locator, stepMs = 100) => passUntil(() => locator.isVisible(), stepMs);
  const nowOfPage = async () => (await page.evaluate('performance.now()')) as number;
  return { ...tab, nowOfPage, pass, passUntil, passUntilSeen };
}

/** Makes the page believe that it is hidden, or that it is seen again. */
export async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    const { document, Event } = globalThis as unknown as {
      document: EventTarget;
      Event: typeof globalThis.Event;
    };
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
}
