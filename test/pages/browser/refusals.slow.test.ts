/** What people see when their file cannot be imported, or only a part of it. */
import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, type TestContext, test } from 'vitest';
import { csvFile, hasBrowser, openPage } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { useHeadway } from '../../support/use-headway.ts';

const fileOf = (content: string, name = 'people.csv') => ({
  name,
  mimeType: 'text/csv',
  buffer: Buffer.from(content),
});
const tooLarge = csvFile(50_000);

describe.skipIf(!hasBrowser)('a faulty file', () => {
  const headway = useHeadway({ HEADWAY_MAX_UPLOAD_MB: '1' });
  let page: Page;

  async function open(context: TestContext, javaScriptEnabled: boolean): Promise<void> {
    page = await openPage(context, { javaScriptEnabled });
    await page.goto(headway.url);
  }

  async function send(file: ReturnType<typeof fileOf>, dataset = ''): Promise<void> {
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
    // The form field would refuse longer text: these tests are about what the service says.
    await page.evaluate("document.getElementById('dataset').removeAttribute('maxlength')");
    await page.getByLabel('Dataset name').fill(dataset);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
  }

  async function goBack(): Promise<void> {
    await page.getByRole('link', { name: 'Back to the start' }).click();
    await page.getByRole('button', { name: 'Import', exact: true }).waitFor();
  }

  test('the start page shows the limit as it was set, and limits the name of a dataset', async (context) => {
    await open(context, false);

    await page.getByLabel('Dataset name').fill('x'.repeat(101));

    expect(await page.locator('#file-hint').textContent()).toContain('Up to 1 MB.');
    expect(await page.getByLabel('Dataset name').inputValue()).toBe('x'.repeat(100));
  });

  test('with JavaScript, is refused beside the form, and another file is taken', async (context) => {
    await open(context, true);
    const report = page.locator('[data-upload-report]');

    for (const [file, dataset, words] of [
      [fileOf(''), '', 'This file is empty. Choose one with content.'],
      [tooLarge, '', 'This file is larger than the limit of 1 MB.'],
      [fileOf('a\n1\n'), 'x'.repeat(101), 'Dataset name: at most 100 characters'],
    ] as const) {
      await send(file, dataset);

      await eventually(async () => (await report.textContent()) === words);
      expect(await report.getAttribute('class')).toContain('error');
      expect(new URL(page.url()).pathname).toBe('/');
    }

    await send(fileOf('a\n1\n'));
    await page.locator('[data-live=status]', { hasText: 'Finished' }).waitFor();
  });

  test('with JavaScript, is refused beside the form if the session has ended meanwhile', async (context) => {
    await open(context, true);
    await page.route('**/tasks/csv-import', (route) =>
      route.fulfill({
        status: 401,
        contentType: 'application/problem+json',
        body: '{"title":"An API key is needed","detail":"Send one of the API keys."}',
      }),
    );

    await send(fileOf('a\n1\n'));

    await page.getByText('You are no longer signed in.').waitFor();
  });

  test('without JavaScript, is refused on a page that leads back', async (context) => {
    await open(context, false);

    for (const [file, dataset, words] of [
      [fileOf(''), '', 'CSV file: is missing or empty; choose a file with content'],
      [tooLarge, '', 'A file may have at most 1 MB (1048576 bytes).'],
      [fileOf('a\n1\n'), 'x'.repeat(101), 'Dataset name: at most 100 characters'],
      [fileOf('a\n1\n'), '   ', 'Dataset name: give it a name, or leave it empty'],
    ] as const) {
      await send(file, dataset);

      await page.getByRole('link', { name: 'Back to the start' }).waitFor();
      // The message is there, and only once.
      expect(await page.getByText(words).count()).toBe(1);
      await goBack();
    }
  });

  describe.each([true, false])('once it has been taken (JavaScript: %s)', (javaScriptEnabled) => {
    beforeEach((context) => open(context, javaScriptEnabled));

    test('without a header, or that is no CSV at all, fails, and says why', async () => {
      await send(fileOf('\n\n\n'));

      await page.getByText('The file has only empty lines.').first().waitFor();
      await page.locator('#outcome').getByText('The task was not tried again').waitFor();
      await goBack();

      const image = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
      await send({ ...fileOf('', 'holiday.png'), buffer: image });

      await page.locator('#outcome').getByText('it looks like a PNG image').waitFor();
    });

    test('with nothing but a header leads to an empty dataset, and says so', async () => {
      await send(fileOf('name,city\n'));

      await page.getByText('The file has no rows below its first line').waitFor();
      await page.getByRole('link', { name: 'Open the dataset' }).click();
      await page.getByText('This dataset has no rows.').waitFor();
      expect(await page.locator('main').textContent()).toContain('0 rows in 2 columns');
      expect(await page.getByRole('columnheader').allTextContents()).toEqual(['Row', 'name', 'city']);
    });

    test('with lines that do not fit is imported without them, and lists them', async () => {
      await send(fileOf('a,b,c\n1,2,3\n1,2\n\n4,5,6,7\n8,9,10\n'));

      await page.getByText('The rejected lines').click();
      expect(await page.locator('.facts dd').allTextContents()).toEqual([
        '2 rows',
        '3 lines',
        '3',
        'utf-8',
        'comma',
      ]);
      expect(await page.locator('details tbody').getByRole('cell').allTextContents()).toEqual([
        'has 2 fields instead of 3',
        'empty line',
        'has 4 fields instead of 3',
      ]);
      expect(await page.locator('details tbody').getByRole('rowheader').allTextContents()).toEqual([
        '3',
        '4',
        '5',
      ]);
      await page.getByRole('link', { name: 'Open the dataset' }).click();
      expect(await page.locator('.lead').textContent()).toContain('2 rows in 3 columns');
    });
  });
});
