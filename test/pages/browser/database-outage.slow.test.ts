/** What open pages show while the database does not answer. */
import { describe, expect, test } from 'vitest';
import { hasBrowser, openContext } from '../../support/browser.ts';
import { createTestDatabase } from '../../support/database.ts';
import { FlakyProxy } from '../../support/flaky-proxy.ts';
import { startHeadway } from '../../support/process.ts';

const words =
  /^The service cannot tell what is new right now, trying again… This page shows the state of \d\d:\d\d:\d\d\.$/;

describe.skipIf(!hasBrowser)('pages that stay open', () => {
  test('say since when nothing is known while the database is frozen, and go on afterwards', async (test) => {
    const database = await createTestDatabase();
    const proxy = await FlakyProxy.start(database.url);
    const headway = await startHeadway({ DATABASE_URL: proxy.url });
    test.onTestFinished(async () => {
      headway.signal('SIGKILL');
      await headway.exited;
      await proxy[Symbol.asyncDispose]();
      await database.drop();
    });
    const context = await openContext(test);
    const submitted = await fetch(`${headway.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'counts', input: { names: 1000, stepMs: 100 }, group: 'outage' }),
    });
    const [taskPage, groupPage] = [await context.newPage(), await context.newPage()];
    await taskPage.goto(`${headway.url}${submitted.headers.get('location')}`);
    await groupPage.goto(`${headway.url}/groups/outage`);
    for (const page of [taskPage, groupPage]) await page.getByText(/^[1-9] %$/).waitFor();

    proxy.freeze();
    for (const page of [taskPage, groupPage]) {
      await page.locator('[data-connection]').getByText(words).waitFor();
      expect(await page.getByText(/^\d+ %$/).count()).toBe(1);
    }
    proxy.thaw();

    for (const page of [taskPage, groupPage]) await page.getByText('Connected again.').waitFor();
  });
});
