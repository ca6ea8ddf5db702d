/** A task's page while nobody knows how far the work is. */
import { describe, expect, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { pageOf, running } from '../views.ts';
import { openStillTab } from './tab.ts';

describe.skipIf(!hasBrowser)("a task's page", () => {
  test('says how long the work usually takes, and without any news when it takes longer', async (context) => {
    const { server, page, text, pass, passUntilSeen } = await openStillTab(context);
    const unmoved = { percentDone: 0, done: null, total: null, ratePerSecond: null, etaSeconds: null };
    const usual = { usualSeconds: { p50: 20, p90: 50, n: 40 }, overdueAt: '2026-03-01T12:00:51.000Z' };
    // The page is made at 12:00:30; the clock of this browser is a second ahead.
    server.show(pageOf(running({ ...unmoved, ...usual })));
    await page.goto(server.taskUrl);
    await text('time').getByText('usually 20 to 50 seconds').waitFor();

    await pass(19_000, 1000);
    expect(await text('time').textContent()).toBe('usually 20 to 50 seconds');

    await passUntilSeen(text('time').getByText('longer than nine of ten runs'));
  });
});
