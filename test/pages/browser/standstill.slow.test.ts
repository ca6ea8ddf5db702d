/** A task's page while the work stands still. */
import { describe, expect, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { pageOf, running } from '../views.ts';
import { openStillTab } from './tab.ts';

describe.skipIf(!hasBrowser)("a task's page", () => {
  test('shows rate and time left only while the work reports', async (context) => {
    const { server, page, text, pass, passUntilSeen } = await openStillTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await text('rate').getByText('8,200 rows a second').waitFor();

    const newer = '2026-03-01T12:00:40.000Z';
    await pass(11_000, 1000);
    await page.locator('[data-live=rate]:empty').waitFor({ state: 'attached' });
    expect(await text('time').textContent()).toBe('');
    server.show(pageOf(running({ percentDone: 30, updatedAt: newer, progressedAt: newer })));

    await passUntilSeen(text('rate').getByText('8,200 rows a second'));
    await passUntilSeen(text('time').getByText('a few seconds left'));
  });
});
