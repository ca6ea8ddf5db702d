/** From a file to its dataset and back out again, on the real service. */
import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { csvFile, hasBrowser, openPage, TaskWatch } from '../../support/browser.ts';
import { query } from '../../support/embedded.ts';
import { eventually } from '../../support/eventually.ts';
import { brakeImports, type ImportBrake } from '../../support/import-brake.ts';
import { useHeadway } from '../../support/use-headway.ts';

const taskUrl = /\/tasks\/[\w-]+$/;
const rows = 96_000;

describe.skipIf(!hasBrowser)('an import in a browser', () => {
  const headway = useHeadway({ HEADWAY_LEASE_SECONDS: '3' });
  let brake: ImportBrake;

  /** In each test, imports stop halfway until the test lets them go on. */
  beforeEach(async () => {
    brake = await brakeImports(headway.databaseUrl, 8);
  });

  async function choose(page: Page, file: ReturnType<typeof csvFile>): Promise<void> {
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.waitForURL(taskUrl);
  }

  test('moves by itself from the file to the dataset', async (context) => {
    const page = await openPage(context);
    const watch = await TaskWatch.on(page);
    await page.goto(headway.url);

    await choose(page, csvFile(rows));
    for (let step = 1; step <= 4; step += 1) {
      await eventually(() => new Set(watch.rows).size >= step);
      await brake.letThrough(4);
    }
    await brake.release();
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor();

    expect(watch.loads).toBe(1);
    expect(watch.percentages).toEqual(watch.percentages.toSorted((a, b) => a - b));
    expect(watch.rows).toEqual(watch.rows.toSorted((a, b) => a - b));
    expect(new Set(watch.rows).size).toBeGreaterThan(3);
    expect(await page.locator('[data-live=status]').textContent()).toBe('Finished');
    await page.locator('[data-live=percent]').getByText('100 %').waitFor();
    expect(await page.locator('.facts dd').allTextContents()).toEqual([
      '96,000 rows',
      '0 lines',
      '4',
      'utf-8',
      'comma',
    ]);
    expect(await page.getByRole('button').count()).toBe(0);

    await page.getByRole('link', { name: 'Open the dataset' }).click();

    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('people');
    expect(await page.locator('.lead').textContent()).toContain('96,000 rows in 4 columns');
    expect(await page.getByRole('row').nth(1).getByRole('cell').allTextContents()).toEqual([
      '1',
      'Person 1',
      'Some, city',
      '0.01',
    ]);
    expect(
      await query(
        headway.databaseUrl,
        `SELECT count(*)::int AS rows, count(DISTINCT row.data->>'id')::int AS ids
         FROM dataset_row AS row JOIN dataset USING (import_id) WHERE name = 'people'`,
      ),
    ).toEqual([{ rows, ids: rows }]);
  });

  test('the sample needs no file', async (context) => {
    const page = await openPage(context);
    await brake.release();
    await page.goto(headway.url);

    await page.getByRole('button', { name: 'Try a sample of 50,000 rows' }).click();

    await page.locator('[data-live=status]', { hasText: 'Finished' }).waitFor();
    expect(await page.locator('.facts dd').first().textContent()).toBe('50,000 rows');
  });

  test.for([true, false])(
    'a button cancels it, and leaves no dataset (JavaScript: %s)',
    async (javaScriptEnabled, context) => {
      const page = await openPage(context, { javaScriptEnabled });
      await page.goto(headway.url);
      await choose(page, csvFile(rows, `cancelled-${javaScriptEnabled}.csv`));
      await page.locator('[data-live=status]', { hasText: 'Running' }).waitFor();

      await page.getByRole('button', { name: 'Cancel this task' }).click();
      await page.getByText('Cancelling was requested').waitFor();
      await brake.release();

      await page.getByText('The task was cancelled before it was finished.').waitFor();
      expect(await page.getByRole('button').allTextContents()).toEqual([
        'Try again',
        'Try again from the start',
      ]);
      expect(
        await query(headway.databaseUrl, "SELECT name FROM dataset WHERE name LIKE 'cancelled%'"),
      ).toEqual([]);
    },
  );

  test('without JavaScript the page loads itself again until it is finished, and no longer', async (context) => {
    const page = await openPage(context, { javaScriptEnabled: false });
    await page.goto(headway.url);
    await choose(page, csvFile(rows, 'refreshed.csv'));
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });

    await eventually(() => loads >= 2);
    await brake.release();
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor();

    // Nothing makes the browser load it again.
    expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0);
    await page.getByRole('link', { name: 'Open the dataset' }).click();
    await page.getByText('96,000 rows in 4 columns').waitFor();
  });
});
