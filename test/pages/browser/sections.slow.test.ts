/** When a task's page loads what its JSON does not have. The tests move the clock. */
import type { BrowserContextOptions } from 'playwright-core';
import { describe, expect, type TestContext, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { event, now, pageOf, running, succeeded } from '../views.ts';
import { openStillTab } from './tab.ts';

describe.skipIf(!hasBrowser)("the sections of a task's page", () => {
  /** A tab that shows a running task and whose clock stands still. */
  async function arrange(context: TestContext, options: BrowserContextOptions = {}) {
    const tab = await openStillTab(context, { reducedMotion: 'reduce', ...options });
    const { server, page, passUntil } = tab;
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await passUntil(() => server.held === 1);
    return tab;
  }

  test('say 7 s after the last news that the worker is silent, and within 5 s that it is back', async (context) => {
    const { server, page } = await arrange(context);
    const notice = page.locator('.notice', { hasText: 'The worker was last heard from' });
    server.showQuietly(pageOf(running(), { worker: { heardAt: new Date(0), leaseExpiresAt: now } }));

    await page.clock.runFor(7000);
    await notice.waitFor();
    server.showQuietly(pageOf(running()));
    await page.clock.runFor(5000);

    await notice.waitFor({ state: 'detached' });
  });

  test('learn within 15 s that a finished task was retried or deleted elsewhere', async (context) => {
    const { server, page, text } = await arrange(context);
    server.show(pageOf(succeeded()));
    await text('status').getByText('Finished').waitFor();

    server.show(pageOf(running({ attempt: 2, percentDone: 40 })));
    await page.clock.runFor(15_000);
    await text('percent').getByText('40 %').waitFor();
    server.show(pageOf(succeeded({ attempt: 2 })));
    await page.clock.runFor(1000);
    await text('status').getByText('Finished').waitFor();
    server.outage = 'gone';
    await page.clock.runFor(15_000);

    await page.getByText('This task is no longer here').waitFor();
  });

  test('show times with their date once the day is over', async (context) => {
    const { server, page } = await arrange(context, { timezoneId: 'UTC' });
    server.show(pageOf(succeeded()));
    await page.locator('.history time', { hasText: /^12:00:00$/ }).waitFor();

    await page.clock.pauseAt(new Date('2026-03-02T00:05:00Z'));
    await page.clock.runFor(60_000);

    await page.locator('.history time', { hasText: /^1 Mar 2026, 12:00:00$/ }).waitFor();
  });

  test('show log lines within 4 s, also while the task moves on', async (context) => {
    const { server, page, text } = await arrange(context);
    await page.clock.runFor(3000);
    server.show(pageOf(running({ percentDone: 30 }), { history: [event('log', 1, { text: 'line 1' })] }));
    await text('percent').getByText('30 %').waitFor();

    await page.clock.runFor(1000);

    await page.getByText('line 1', { exact: true }).waitFor();
    expect(server.asked.filter(({ accept }) => accept === 'html').length).toBe(2);
  });
});
