/** What somebody sees who has a task's page open while things die under it. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { complaintsOf, csvFile, hasBrowser, launchBrowser, nowMs, TaskWatch } from '../../support/browser.ts';
import { killServer, makeDataDir, query, startHere } from '../../support/embedded.ts';
import { eventually } from '../../support/eventually.ts';
import { type HeadwayProcess, startHeadway } from '../../support/process.ts';

const rows = 200_000;
const goesOn = 'it goes on from where it was saved';
const connectionLost = /^Connection lost, trying again… This is how it stood at \d\d:\d\d:\d\d\.$/;

describe.skipIf(!hasBrowser)("a task's page that stays open", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(() => browser.close());

  /** A service on a data folder of its own, and a tab that shows an import in its middle. */
  async function arrange({ onTestFinished }: TestContext) {
    const dataDir = await makeDataDir();
    const started: HeadwayProcess[] = [];
    const page = await browser.newPage();
    onTestFinished(async () => {
      await page.close();
      for (const headway of started) headway.signal('SIGKILL');
      await Promise.all(started.map(({ exited }) => exited));
      await dataDir[Symbol.asyncDispose]();
    });
    const start = async (port: string) => {
      const env = { HEADWAY_DATA_DIR: dataDir.path, HEADWAY_LEASE_SECONDS: '3', PORT: port };
      const headway = await startHeadway(env);
      started.push(headway);
      return headway;
    };
    const headway = await start('0');
    const complaints = complaintsOf(page);
    const watch = await TaskWatch.on(page);
    await page.goto(headway.url);
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(csvFile(rows));
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await eventually(() => watch.percentages.some((percent) => percent >= 20));
    const startAgain = () => start(new URL(headway.url).port);
    return { dataDir, headway, startAgain, page, complaints, watch };
  }

  async function readToTheEnd(page: Page): Promise<string[]> {
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor({ timeout: 120_000 });
    return page.locator('.history .what').allTextContents();
  }

  async function rowsIn(dataDir: string) {
    const server = await startHere(dataDir);
    try {
      return await query(
        server.url,
        `SELECT count(*)::int AS rows, count(DISTINCT row.data->>'id')::int AS ids, max(number) AS last
         FROM dataset_row AS row JOIN dataset USING (import_id)`,
      );
    } finally {
      await server.stop();
    }
  }

  const eachOnce = [{ rows, ids: rows, last: rows }];

  test('says within 2 s that the worker was lost and that it goes on, and it does', async (context) => {
    const { dataDir, headway, page, complaints, watch } = await arrange(context);

    const killedAt = nowMs();
    process.kill(headway.runnerPid, 'SIGKILL');
    const saidAt = await eventually(() => watch.firstAt(({ notices }) => notices.includes(goesOn), killedAt));
    const history = await readToTheEnd(page);

    expect(saidAt - killedAt).toBeLessThan(2000);
    expect(watch.loads).toBe(1);
    expect(history).toEqual([
      'Finished',
      'Started again',
      expect.stringContaining('the task goes on from where it was saved'),
      'Started',
      'Submitted',
    ]);
    expect(await page.locator('.facts dd').first().textContent()).toBe('200,000 rows');
    expect(await rowsIn(dataDir.path)).toEqual(eachOnce);
    expect(complaints).toEqual([]);
  });

  test('recovers by itself from kill -9 of everything and a new start', async (context) => {
    const { dataDir, headway, startAgain, page, complaints, watch } = await arrange(context);

    const killedAt = nowMs();
    process.kill(headway.runnerPid, 'SIGKILL');
    headway.signal('SIGKILL');
    await killServer(dataDir.path);
    await headway.exited;
    const saidAt = await eventually(() =>
      watch.firstAt(({ connection }) => connectionLost.test(connection), killedAt),
    );
    await startAgain();
    const backAt = nowMs();
    const wellAt = await eventually(() =>
      watch.firstAt(({ connection }) => connection === 'Connected again.', saidAt),
    );
    await readToTheEnd(page);

    expect(saidAt - killedAt).toBeLessThan(2000);
    expect(wellAt - backAt).toBeLessThan(6000);
    expect(watch.loads).toBe(1);
    expect(await rowsIn(dataDir.path)).toEqual(eachOnce);
    expect(complaints).toEqual([]);
  });

  test('recovers by itself from Ctrl-C and a new start, no try spent', async (context) => {
    const { dataDir, headway, startAgain, page, complaints, watch } = await arrange(context);

    const stoppedAt = nowMs();
    headway.signal('SIGINT');
    await headway.exited;
    const saidAt = await eventually(() =>
      watch.firstAt(({ connection }) => connectionLost.test(connection), stoppedAt),
    );
    await startAgain();
    await eventually(() => watch.firstAt(({ connection }) => connection === '', saidAt));
    const history = await readToTheEnd(page);

    expect(watch.loads).toBe(1);
    expect(history).toEqual([
      'Finished',
      'Started again',
      'Handed back to the queue; it goes on from where it was saved',
      'Started',
      'Submitted',
    ]);
    expect(watch.sightings.map(({ status }) => status)).not.toContain('Waiting to try again');
    expect(await rowsIn(dataDir.path)).toEqual(eachOnce);
    expect(complaints).toEqual([]);
  });
});
