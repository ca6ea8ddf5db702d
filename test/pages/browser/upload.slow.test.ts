/** The start page's forms in a browser. */
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderHome } from '../../../src/api/pages/index.ts';
import { renderForm } from '../../../src/jobs/csv-import/form.ts';
import { hasBrowser, openPage } from '../../support/browser.ts';
import { PageServer } from './page-server.ts';

const file = { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from('name\nAda\n') };

describe.skipIf(!hasBrowser)('the start page in a browser', () => {
  let server: PageServer;

  beforeEach(async () => {
    server = new PageServer();
    await server.start();
    server.pages.set(
      '/',
      renderHome({
        recent: [],
        forms: [renderForm({ maxUploadBytes: 1000 })],
        types: ['csv-import'],
        open: true,
      }),
    );
  });

  afterEach(() => server.stop());

  describe.each([true, false])('with JavaScript: %s', (javaScriptEnabled) => {
    let page: Page;

    beforeEach(async (context) => {
      page = await openPage(context, { javaScriptEnabled });
      await page.goto(server.origin);
    });

    test("an upload leads to the task's page", async () => {
      await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
      await page.getByRole('button', { name: 'Import', exact: true }).click();

      await page.waitForURL(server.taskUrl);
      expect(server.posts).toBe(1);
    });

    test("the sample leads to the task's page", async () => {
      await page.getByRole('button', { name: 'Try a sample of 50,000 rows' }).click();

      await page.waitForURL(server.taskUrl);
    });
  });

  test('a file over the limit is refused before it is sent', async (context) => {
    const page = await openPage(context);
    await page.goto(server.origin);

    await page
      .getByLabel('CSV file', { exact: true })
      .setInputFiles({ ...file, buffer: Buffer.alloc(1001, 'a') });
    await page.getByRole('button', { name: 'Import', exact: true }).click();

    await page.getByText('This file is larger than the limit').waitFor();
    expect(server.posts).toBe(0);
  });

  test('a refused upload says why, and may be tried again', async (context) => {
    const page = await openPage(context);
    await page.goto(server.origin);
    await page.route('**/tasks/csv-import', (route) =>
      route.fulfill({
        status: 400,
        contentType: 'application/problem+json',
        body: '{"title":"No","detail":"The file is empty."}',
      }),
    );

    await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
    await page.getByRole('button', { name: 'Import', exact: true }).click();

    await page.getByText('The file is empty.').waitFor();
    expect(await page.getByRole('button', { name: 'Import', exact: true }).isEnabled()).toBe(true);
  });
});
