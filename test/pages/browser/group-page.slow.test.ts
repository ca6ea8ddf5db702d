/** A group's page and the start page's list on the real service. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { complaintsOf, hasBrowser, launchBrowser } from '../../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { query } from '../../support/embedded.ts';
import { type HeadwayProcess, startHeadway } from '../../support/process.ts';
import { openStore, submit } from '../../support/service.ts';

describe.skipIf(!hasBrowser)("a group's page", () => {
  let database: TestDatabase;
  let headway: HeadwayProcess & { url: string };
  let browser: Browser;

  beforeAll(async () => {
    database = await createTestDatabase();
    headway = await startHeadway({ DATABASE_URL: database.url });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
    headway.signal('SIGINT');
    await headway.exited;
    await database.drop();
  });

  async function openTab({ onTestFinished }: TestContext, options = {}): Promise<Page> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    onTestFinished(async () => {
      await context.close();
      expect(complaints).toEqual([]);
    });
    return page;
  }

  async function post(group: string, title: string, names: number): Promise<{ id: string; url: string }> {
    const response = await fetch(`${headway.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'counts', input: { names, stepMs: 100 }, group, title }),
    });
    const { id, links } = (await response.json()) as { id: string; links: { self: string } };
    return { id, url: `${headway.url}${links.self}` };
  }

  const counts = (page: Page, words: string) =>
    page.locator('[data-counts]').getByText(words, { exact: true });

  const groupUrl = (group: string) => `${headway.url}/groups/${encodeURIComponent(group)}`;

  test('moves to its end without being loaded again', async (context) => {
    const page = await openTab(context);
    await page.goto(groupUrl('order 1'));
    await page.getByText('No tasks yet.').waitFor();
    await page.evaluate('window.stayed = true');

    await post('order 1', 'Short', 1);
    await post('order 1', 'Long', 25);
    await counts(page, '1 of 2 finished').waitFor();
    const row = page.getByRole('listitem').filter({ hasText: 'Long' });
    await row.getByText(/^[3-9]\d %$/).waitFor();
    const bar = Number(await row.locator('progress').getAttribute('value'));
    await counts(page, '2 of 2 finished').waitFor();

    expect(bar).toBeGreaterThanOrEqual(29);
    expect(await page.title()).toBe('2 of 2 finished · order 1 · Headway');
    expect(await page.locator('[data-announcer]').textContent()).toBe('2 of 2 finished');
    expect(await row.locator('.percent').textContent()).toBe('100 %');
    expect(await page.getByText('No tasks yet.').isVisible()).toBe(false);
    expect(await page.evaluate('window.stayed')).toBe(true);
  });

  test('shows within 2.5 s who joins, wherever the task was submitted', async (context) => {
    const page = await openTab(context);
    await post('order 2', 'First', 100);
    await page.goto(groupUrl('order 2'));
    await counts(page, '0 of 1 finished').waitFor();
    await page.evaluate(`window.first = document.querySelector('[data-task]')`);
    await using store = await openOtherStore(database.url);

    const joinedAt = performance.now();
    await submit(store, 'counts', { names: 100, stepMs: 100 }, { group: 'order 2', title: 'Joiner' });
    await page.getByRole('link', { name: 'Joiner' }).waitFor();

    expect(performance.now() - joinedAt).toBeLessThan(2500);
    expect(await page.locator('.tasks .name').allTextContents()).toEqual(['Joiner', 'First']);
    expect(await page.evaluate(`document.querySelectorAll('[data-task]')[1] === window.first`)).toBe(true);
    await page.getByRole('link', { name: 'Joiner' }).click();
    await page.getByRole('link', { name: 'order 2' }).click();
    expect(page.url()).toBe(groupUrl('order 2'));
  });

  test('of a thousand tasks touches the one that changes', async (context) => {
    const page = await openTab(context);
    await query(
      database.url,
      `INSERT INTO task_state (id, type, title, input, input_digest, max_attempts, status, group_label,
                               created_at, updated_at, finished_at, percent_done)
       SELECT gen_random_uuid(), 'noop', 'Part ' || number, '{}', 'x', 3, 'succeeded', 'thousand',
              now() - interval '1 hour', now(), now(), 100
       FROM generate_series(1, 990) AS number`,
    );
    const { url } = await post('thousand', 'The last', 1000);
    await page.goto(groupUrl('thousand'));
    await counts(page, '990 of 991 finished').waitFor();
    await page.locator('li[data-status=running]').waitFor();
    await page.evaluate(`
      window.touched = new Set();
      new MutationObserver((records) => {
        for (const { target } of records) window.touched.add(target.parentElement.closest('li')?.querySelector('a').textContent);
      }).observe(document.querySelector('.tasks'), { subtree: true, childList: true, characterData: true, attributes: true });
    `);

    await page.waitForTimeout(2000);
    await fetch(`${url}/cancel`, { method: 'POST' });
    await counts(page, '990 of 991 finished · 1 cancelled').waitFor();

    expect(await page.evaluate('[...window.touched].filter(Boolean)')).toEqual(['The last']);
  });

  test('without JavaScript comes again by itself while anything is unfinished', async (context) => {
    const page = await openTab(context, { javaScriptEnabled: false });
    await post('order 3', 'Counting', 30);
    await page.goto(groupUrl('order 3'));
    await counts(page, '0 of 1 finished').waitFor();

    await counts(page, '1 of 1 finished').waitFor({ timeout: 20_000 });

    expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0);
  });

  test('is accessible in light and dark, and no wider than a small phone', async (context) => {
    const page = await openTab(context, { viewport: { width: 320, height: 600 } });
    await post('order 4', 'A task whose title is rather long-winded', 1);
    await post('order 4', 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(3), 50);
    await page.goto(groupUrl('order 4'));
    await counts(page, '1 of 2 finished').waitFor();

    const faults = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page }).analyze();
      faults.push(...violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`));
    }

    expect(faults).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
  });

  test("the start page's list moves as well, and rests when all is finished", async (context) => {
    const page = await openTab(context);
    const { id } = await post('order 5', 'On the start page', 20);
    await page.goto(headway.url);
    const row = page.locator(`[data-task="${id}"]`);

    await row.getByText(/^[3-9]\d %$/).waitFor();
    await row.getByText('Finished').waitFor();

    expect(await row.locator('.percent').textContent()).toBe('100 %');
    expect(await page.locator('[data-connection]').textContent()).toBe('');
  });
});

/** As another process has it. */
async function openOtherStore(url: string) {
  const store = await openStore(url);
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
