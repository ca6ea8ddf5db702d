/** A task's page while the work stands still. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../../support/browser.ts';
import { pageOf, running } from '../views.ts';
import { openTab } from './tab.ts';

describe.skipIf(!hasBrowser)("a task's page", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(() => browser.close());

  test('tells rate and time left only as long as the work reports', async (context) => {
    const { server, page, text } = await openTab(browser, context);
    await page.clock.install();
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await text('rate').getByText('8,200 rows a second').waitFor();

    await page.clock.fastForward(11_000);
    await page.locator('[data-live=rate]:empty').waitFor({ state: 'attached' });
    expect(await text('time').textContent()).toBe('');
    server.show(pageOf(running({ percentDone: 30, updatedAt: '2026-03-01T12:00:40.000Z' })));

    await text('rate').getByText('8,200 rows a second').waitFor();
    await text('time').getByText('5 s left').waitFor();
  });
});
