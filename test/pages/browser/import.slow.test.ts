/** From a file to its dataset and back out again, on the real service. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { complaintsOf, csvFile, hasBrowser, launchBrowser, TaskWatch } from '../../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { query } from '../../support/embedded.ts';
import { type HeadwayProcess, startHeadway } from '../../support/process.ts';

const taskUrl = /\/tasks\/[\w-]+$/;

describe.skipIf(!hasBrowser)('an import in a browser', () => {
  let database: TestDatabase;
  let headway: HeadwayProcess & { url: string };
  let browser: Browser;

  beforeAll(async () => {
    database = await createTestDatabase();
    headway = await startHeadway({ DATABASE_URL: database.url, HEADWAY_LEASE_SECONDS: '3' });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
    headway.signal('SIGINT');
    await headway.exited;
    await database.drop();
  });

  async function choose(page: Page, file: ReturnType<typeof csvFile>): Promise<void> {
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.waitForURL(taskUrl);
  }

  test('moves by itself from the file to the dataset', async () => {
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    const watch = await TaskWatch.on(page);
    await page.goto(headway.url);

    await choose(page, csvFile(300_000));
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor({ timeout: 80_000 });

    expect(watch.loads).toBe(1);
    // A second on a machine that has nothing else to do.
    expect(watch.longestStandstillMs).toBeLessThan(4000);
    expect(watch.percentages).toEqual(watch.percentages.toSorted((a, b) => a - b));
    expect(watch.rows).toEqual(watch.rows.toSorted((a, b) => a - b));
    expect(new Set(watch.rows).size).toBeGreaterThan(3);
    expect(await page.locator('[data-live=status]').textContent()).toBe('Finished');
    expect(await page.locator('[data-live=percent]').textContent()).toBe('100 %');
    expect(await page.locator('.facts dd').allTextContents()).toEqual(['300,000 rows', '0 lines', '4']);
    expect(await page.getByRole('button').count()).toBe(0);

    await page.getByRole('link', { name: 'Open the dataset' }).click();

    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('people');
    expect(await page.locator('.lead').textContent()).toContain('300,000 rows in 4 columns');
    expect(await page.getByRole('row').nth(1).getByRole('cell').allTextContents()).toEqual([
      '1',
      'Person 1',
      'Some, city',
      '0.01',
    ]);
    expect(
      await query(
        database.url,
        `SELECT count(*)::int AS rows, count(DISTINCT row.data->>'id')::int AS ids
         FROM dataset_row AS row JOIN dataset USING (import_id) WHERE name = 'people'`,
      ),
    ).toEqual([{ rows: 300_000, ids: 300_000 }]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  describe.each([true, false])('with JavaScript: %s', (javaScriptEnabled) => {
    let context: BrowserContext;
    let page: Page;

    beforeEach(async () => {
      context = await browser.newContext({ javaScriptEnabled });
      page = await context.newPage();
      await page.goto(headway.url);
    });

    afterEach(() => context.close());

    test('the sample needs no file', async () => {
      await page.getByRole('button', { name: 'Try a sample of 50,000 rows' }).click();

      await page.locator('[data-live=status]', { hasText: 'Finished' }).waitFor({ timeout: 120_000 });
      expect(await page.locator('.facts dd').first().textContent()).toBe('50,000 rows');
    });

    test('a button cancels it, and leaves no dataset', async () => {
      await choose(page, csvFile(300_000, `cancelled-${javaScriptEnabled}.csv`));
      await page.locator('[data-live=status]', { hasText: 'Running' }).waitFor();

      await page.getByRole('button', { name: 'Cancel this task' }).click();

      await page.getByText('The task was cancelled before it was finished.').waitFor();
      expect(await page.getByRole('button').allTextContents()).toEqual([
        'Try again',
        'Try again from the start',
      ]);
      expect(await query(database.url, "SELECT name FROM dataset WHERE name LIKE 'cancelled%'")).toEqual([]);
    });
  });

  test('without JavaScript the page loads itself again until it is finished, and no longer', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(headway.url);
    await choose(page, csvFile(200_000, 'refreshed.csv'));
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });

    await page.getByRole('link', { name: 'Open the dataset' }).waitFor({ timeout: 120_000 });
    const loadsToTheEnd = loads;
    await page.waitForTimeout(3000);

    expect(loadsToTheEnd).toBeGreaterThan(1);
    expect(loads).toBe(loadsToTheEnd);
    await page.getByRole('link', { name: 'Open the dataset' }).click();
    await page.getByText('200,000 rows in 4 columns').waitFor();
    await context.close();
  });
});
