/** The pages of the real service by axe, with what real tasks put on them. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { complaintsOf, csvFile, hasBrowser, launchBrowser } from '../../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type HeadwayProcess, startHeadway } from '../../support/process.ts';

describe.skipIf(!hasBrowser)('the real pages', () => {
  let database: TestDatabase;
  let headway: HeadwayProcess & { url: string };
  let browser: Browser;
  let page: Page;

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

  beforeEach(async ({ onTestFinished }) => {
    const context = await browser.newContext({ viewport: { width: 320, height: 600 } });
    page = await context.newPage();
    const complaints = complaintsOf(page);
    onTestFinished(async () => {
      await context.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(headway.url);
  });

  async function send(file: ReturnType<typeof csvFile>): Promise<void> {
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.waitForURL(/\/tasks\/[\w-]+$/);
  }

  /** What is wrong with the page, in light and dark and on a small phone. */
  async function faults(): Promise<string[]> {
    const found = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page }).analyze();
      found.push(...violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`));
    }
    if ((await page.evaluate('document.documentElement.scrollWidth')) !== 320) found.push('too wide');
    return found;
  }

  test('of a running task, also after its worker was lost', async () => {
    await send(csvFile(300_000));
    await page.locator('[data-live=status]', { hasText: 'Running' }).waitFor();

    const running = await faults();
    process.kill(headway.runnerPid, 'SIGKILL');
    await page.locator('.notice', { hasText: 'The worker that ran this task died' }).waitFor();
    const lost = await faults();

    expect([...running, ...lost]).toEqual([]);
  });

  test('of a failed task', async () => {
    await send({ ...csvFile(0), buffer: Buffer.from('\n') });
    await page.getByRole('heading', { name: 'What went wrong' }).waitFor();

    expect(await faults()).toEqual([]);
  });

  test('of a finished task with rejected lines, and of its dataset', async () => {
    await send({ ...csvFile(0), buffer: Buffer.from('name,city,note\nAda,London,x\nBob\n') });
    await page.getByText('The rejected lines').click();

    const finished = await faults();
    await page.getByRole('link', { name: 'Open the dataset' }).click();
    await page.getByRole('heading', { name: 'people' }).waitFor();
    const dataset = await faults();

    expect([...finished, ...dataset]).toEqual([]);
  });
});
