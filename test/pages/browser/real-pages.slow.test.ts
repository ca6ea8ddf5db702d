/** Checks the pages of the real service with axe, with the contents of real tasks. */
import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { csvFile, hasBrowser, openPage } from '../../support/browser.ts';
import { brakeImports } from '../../support/import-brake.ts';
import { useHeadway } from '../../support/use-headway.ts';
import { faultsOf } from './faults.ts';

describe.skipIf(!hasBrowser)('the real pages', () => {
  const headway = useHeadway({ HEADWAY_LEASE_SECONDS: '3' });
  let page: Page;

  beforeEach(async (context) => {
    page = await openPage(context, { viewport: { width: 320, height: 600 } });
    await page.goto(headway.url);
  });

  async function send(file: ReturnType<typeof csvFile>): Promise<void> {
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(file);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.waitForURL(/\/tasks\/[\w-]+$/);
  }

  test('of a running task, also after its worker was lost', async () => {
    await using _brake = await brakeImports(headway.databaseUrl, 8);
    await send(csvFile(96_000));
    await page.locator('[data-live=status]', { hasText: 'Running' }).waitFor();

    const running = await faultsOf(page);
    process.kill(headway.runnerPid, 'SIGKILL');
    await page.locator('.notice', { hasText: 'The worker that ran this task died' }).waitFor();
    const lost = await faultsOf(page);

    expect([...running, ...lost]).toEqual([]);
  });

  test('of a failed task', async () => {
    await send({ ...csvFile(0), buffer: Buffer.from('\n') });
    await page.getByRole('heading', { name: 'What went wrong' }).waitFor();

    expect(await faultsOf(page)).toEqual([]);
  });

  test('of a finished task with rejected lines, and of its dataset', async () => {
    await send({ ...csvFile(0), buffer: Buffer.from('name,city,note\nAda,London,x\nBob\n') });
    await page.getByText('The rejected lines').click();

    const finished = await faultsOf(page);
    await page.getByRole('link', { name: 'Open the dataset' }).click();
    await page.getByRole('heading', { name: 'people' }).waitFor();
    const dataset = await faultsOf(page);

    expect([...finished, ...dataset]).toEqual([]);
  });
});
