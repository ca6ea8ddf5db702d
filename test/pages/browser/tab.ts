/** A tab of the test's own, on a server of its own whose task the test moves by hand. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect, type TestContext } from 'vitest';
import { complaintsOf } from '../../support/browser.ts';
import { PageServer } from './page-server.ts';

/** Whatever the page complains of fails the test. */
export async function openTab(
  browser: Browser,
  { onTestFinished }: TestContext,
  options: BrowserContextOptions = {},
) {
  const server = new PageServer();
  await server.start();
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = complaintsOf(page);
  onTestFinished(async () => {
    await context.close();
    await server.stop();
    expect(complaints).toEqual([]);
  });
  const text = (name: string): Locator => page.locator(`[data-live=${name}]`);
  const asksSince = (time: number): number => server.asked.filter(({ at }) => at >= time).length;
  return { server, context, page, text, asksSince };
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
