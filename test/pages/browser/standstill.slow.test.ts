/** A task's page while the work stands still. */
import { describe, expect, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { now, pageOf, running } from '../views.ts';
import { openStillTab, openTab } from './tab.ts';

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

  test('says since when there is no progress, and no longer once there is', async (context) => {
    const { server, page, passUntil, passUntilSeen } = await openStillTab(context);
    const notice = page.locator('.notice', { hasText: 'No progress since' });
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    const later = new Date(now.getTime() + 60_000);
    server.showQuietly(pageOf(running(), { now: later, worker: { heardAt: later, leaseExpiresAt: later } }));

    await passUntilSeen(notice, 1000);
    const words = await notice.textContent();
    const progressedAt = later.toISOString();
    server.show(pageOf(running({ percentDone: 30, updatedAt: progressedAt, progressedAt }), { now: later }));
    await passUntil(async () => (await notice.count()) === 0, 1000);

    expect(words).toContain('(1 min 1 s). The job is probably waiting for something');
  });

  test('says the same without JavaScript', async (context) => {
    const { server, page } = await openTab(context, { javaScriptEnabled: false });
    server.show(pageOf(running({ progressedAt: '2026-03-01T11:56:30.000Z' })));

    await page.goto(server.taskUrl);

    const notice = page.locator('.notice', { hasText: 'No progress since' });
    expect(await notice.textContent()).toContain('1 Mar 2026, 11:56:30 UTC (4 min). The job');
  });
});
