/** What a task's open page shows while the worker, the service or the database server dies. */
import type { Page } from 'playwright-core';
import { describe, expect, type TestContext, test } from 'vitest';
import { csvFile, hasBrowser, openPage, TaskWatch } from '../../support/browser.ts';
import { timed } from '../../support/calibration.ts';
import { copyDataDir, killServer, query, startHere } from '../../support/embedded.ts';
import { eventually } from '../../support/eventually.ts';
import { brakeImports } from '../../support/import-brake.ts';
import { type HeadwayProcess, startHeadway } from '../../support/process.ts';

const rows = 96_000;
const goesOn = 'the task goes on from where it was saved';
const connectionLost = /^Connection lost, trying again… This page shows the state of \d\d:\d\d:\d\d\.$/;

describe.skipIf(!hasBrowser)("a task's page that stays open", () => {
  /** A service on a data folder of its own, and a tab that shows an import that is stopped halfway. */
  async function arrange(context: TestContext) {
    const dataDir = await copyDataDir();
    const started: HeadwayProcess[] = [];
    context.onTestFinished(async () => {
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
    // About 40 % of the rows.
    const brake = await withServer(dataDir.path, (url) => brakeImports(url, 10));
    const page = await openPage(context);
    const watch = await TaskWatch.on(page);
    await page.goto(headway.url);
    await page.getByLabel('CSV file', { exact: true }).setInputFiles(csvFile(rows));
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await eventually(() => watch.percentages.some((percent) => percent >= 20));
    const startAgain = () => start(new URL(headway.url).port);
    return { dataDir, headway, brake, startAgain, page, watch };
  }

  async function readToTheEnd(page: Page): Promise<string[]> {
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor();
    return page.locator('.history .what').allTextContents();
  }

  /** While the data folder's server runs, for others or for this alone. */
  async function withServer<T>(dataDir: string, work: (url: string) => Promise<T>): Promise<T> {
    const server = await startHere(dataDir);
    try {
      return await work(server.url);
    } finally {
      await server.stop();
    }
  }

  const rowsIn = (dataDir: string) =>
    withServer(dataDir, (url) =>
      query(
        url,
        `SELECT count(*)::int AS rows, count(DISTINCT row.data->>'id')::int AS ids, max(number) AS last
         FROM dataset_row AS row JOIN dataset USING (import_id)`,
      ),
    );

  const eachOnce = [{ rows, ids: rows, last: rows }];

  test('says within 2 s that the worker was lost and that it goes on, and it does', async (context) => {
    const { dataDir, headway, brake, page, watch } = await arrange(context);

    const said = await timed(() => {
      process.kill(headway.runnerPid, 'SIGKILL');
      return eventually(() => watch.firstAt(({ notices }) => notices.includes(goesOn)));
    });
    await brake.release();
    const history = await readToTheEnd(page);

    expect(said.ms).toBeLessThan(2000 + said.allowanceMs);
    expect(watch.loads).toBe(1);
    expect(history).toEqual([
      'Finished',
      'Started again',
      expect.stringContaining('The task goes on from where it was saved'),
      'Started',
      'Submitted',
    ]);
    expect(await page.locator('.facts dd').first().textContent()).toBe('96,000 rows');
    expect(await rowsIn(dataDir.path)).toEqual(eachOnce);
  });

  test('recovers by itself from kill -9 of everything and a new start', async (context) => {
    const { dataDir, headway, brake, startAgain, page, watch } = await arrange(context);

    const lost = await timed(async () => {
      process.kill(headway.runnerPid, 'SIGKILL');
      headway.signal('SIGKILL');
      await killServer(dataDir.path);
      await headway.exited;
      return eventually(() => watch.firstAt(({ connection }) => connectionLost.test(connection)));
    });
    await startAgain();
    const well = await timed(() =>
      eventually(() => watch.firstAt(({ connection }) => connection === 'Connected again.', lost.value)),
    );
    await brake.release();
    await readToTheEnd(page);

    expect(lost.ms).toBeLessThan(2000 + lost.allowanceMs);
    expect(well.ms).toBeLessThan(6000 + well.allowanceMs);
    expect(watch.loads).toBe(1);
    expect(await rowsIn(dataDir.path)).toEqual(eachOnce);
  });

  test('recovers by itself from Ctrl-C and a new start, no try spent', async (context) => {
    const { dataDir, headway, brake, startAgain, page, watch } = await arrange(context);

    // The import stands still, so it has not ended when the time of the stop is over.
    headway.signal('SIGINT');
    await headway.exited;
    const saidAt = await eventually(() => watch.firstAt(({ connection }) => connectionLost.test(connection)));
    await startAgain();
    await brake.release();
    await eventually(() => watch.firstAt(({ connection }) => connection === '', saidAt));
    const history = await readToTheEnd(page);

    expect(watch.loads).toBe(1);
    expect(history).toEqual([
      'Finished',
      'Started again',
      'Handed back to the queue; the task goes on from where it was saved',
      'Started',
      'Submitted',
    ]);
    expect(watch.sightings.map(({ status }) => status)).not.toContain('Waiting to try again');
    expect(await rowsIn(dataDir.path)).toEqual(eachOnce);
  });
});
