/** A task's page while the database is away and the service answers with the last state that it knew. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { pageOf, running } from '../views.ts';
import { openTab } from './tab.ts';

const tenMinutesMs = 600_000;

describe.skipIf(!hasBrowser).concurrent("a task's page that is told what the service remembers", () => {
  test('says the same time of its state until there is a fresh answer', async (context) => {
    const { server, page, text } = await openTab(context, { timezoneId: 'UTC' });
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await eventually(() => server.held === 1);
    await page.evaluate(keepLines);

    // The middle of the ten minutes that are checked below.
    server.rememberedAtMs = (Math.floor(Date.now() / tenMinutesMs) - 6.5) * tenMinutesMs;
    server.outage = 'remembered';
    await eventually(() => server.asked.filter(({ status }) => status === 304).length >= 2);
    server.outage = 'none';
    server.show(pageOf(running({ percentDone: 80 })));
    await text('percent').getByText('80 %').waitFor();

    const lines = await linesOf(page);
    expect(lines).toEqual([
      expect.stringMatching(
        /^The service cannot tell what is new right now, trying again… This page shows the state of .*\d\d:\d\d:\d\d\.$/,
      ),
      'Connected again.',
    ]);
    expect(lines[0]).toContain(new Date(server.rememberedAtMs).toISOString().slice(11, 15));
  });

  test('shows the remembered state if it is newer, and holds no question meanwhile', async (context) => {
    const { server, page, text } = await openTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await eventually(() => server.held === 1);
    server.outage = 'remembered';
    await page.getByText('This page shows the state of').waitFor();
    const troubledAt = performance.now();

    server.show(pageOf(running({ percentDone: 47 })));
    await text('percent').getByText('47 %').waitFor();

    expect(await page.getByText('Connected again.').count()).toBe(0);
    expect(server.asked.filter(({ at, maySleep }) => maySleep && at > troubledAt)).toEqual([]);
  });
});

const keepLines = `
  window.lines = [];
  const line = document.querySelector('[data-connection]');
  new MutationObserver(() => window.lines.push(line.textContent)).observe(line, { childList: true });
`;

async function linesOf(page: Page): Promise<string[]> {
  return (await page.evaluate('window.lines')) as string[];
}
