/** With API keys: what somebody can do before and after signing in. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { csvFile, hasBrowser, openPage } from '../../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { brakeImports } from '../../support/import-brake.ts';
import { type HeadwayProcess, startHeadway } from '../../support/process.ts';

const key = 'a-key-of-some-length';

describe.skipIf(!hasBrowser)('a service with API keys', () => {
  let database: TestDatabase;
  let headway: HeadwayProcess & { url: string };

  beforeAll(async () => {
    database = await createTestDatabase();
    headway = await startHeadway({ DATABASE_URL: database.url, HEADWAY_API_KEYS: key });
  });

  afterAll(async () => {
    headway.signal('SIGINT');
    await headway.exited;
    await database.drop();
  });

  describe.each([true, false])('with JavaScript: %s', (javaScriptEnabled) => {
    let page: Page;

    beforeEach(async (context) => {
      page = await openPage(context, { javaScriptEnabled });
      await page.goto(headway.url);
    });

    async function signIn(given: string): Promise<void> {
      await page.getByLabel('API key').fill(given);
      await page.getByRole('button', { name: 'Sign in' }).click();
    }

    test('asks for a key, and says when the key is wrong', async () => {
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Sign in');
      expect(await page.locator('main').textContent()).not.toContain('Recent tasks');

      await signIn('not-a-key-of-this-service');

      await page.getByRole('alert').getByText('This key is not valid.').waitFor();
      await signIn(key);
      await page.getByRole('button', { name: 'Import', exact: true }).waitFor();
    });

    test('imports and cancels for people who signed in; others see a task if they have its URL', async (context) => {
      await using brake = await brakeImports(database.url, 8);
      await signIn(key);
      await page.getByLabel('CSV file', { exact: true }).setInputFiles(csvFile(96_000));
      await page.getByRole('button', { name: 'Import', exact: true }).click();
      await page.locator('[data-live=status]', { hasText: 'Running' }).waitFor();
      const privateWindow = await openPage(context, { javaScriptEnabled });

      await privateWindow.goto(page.url());
      expect(await privateWindow.getByRole('heading', { level: 1 }).textContent()).toBe('Import people');
      await page.getByRole('button', { name: 'Cancel this task' }).click();
      await page.getByText('Cancelling was requested').waitFor();
      await brake.release();

      await page.getByText('The task was cancelled before it was finished.').waitFor();
      await privateWindow.getByText('The task was cancelled before it was finished.').waitFor();
      await privateWindow.goto(headway.url);
      expect(await privateWindow.getByRole('heading', { level: 1 }).textContent()).toBe('Sign in');
    });

    test('leads back to the page that somebody wanted to see', async () => {
      await signIn(key);
      await page.getByLabel('CSV file', { exact: true }).setInputFiles(csvFile(10));
      await page.getByRole('button', { name: 'Import', exact: true }).click();
      const link = page.getByRole('link', { name: 'Open the dataset' });
      const dataset = await link.getAttribute('href');
      await page.context().clearCookies();

      await link.click();
      await signIn(key);

      await page.getByText('10 rows in 4 columns').waitFor();
      expect(new URL(page.url()).pathname).toBe(dataset);
    });
  });

  test('asks for a key when somebody who is not signed in tries to cancel', async (context) => {
    await using brake = await brakeImports(database.url, 8);
    const task = await fetch(`${headway.url}/tasks/csv-import?dataset=kept`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv' },
      body: csvFile(96_000).buffer.toString(),
    });
    const page = await openPage(context);
    await page.goto(`${headway.url}${task.headers.get('location')}`);

    await page.getByRole('button', { name: 'Cancel this task' }).click();

    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.goBack();
    await brake.release();
    await page.locator('[data-live=status]', { hasText: 'Finished' }).waitFor();
  });
});
