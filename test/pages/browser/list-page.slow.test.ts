/** The page with the list of tasks, on the API without runners; the tests move the clock of the page. */
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { cancelTask } from '../../../src/tasks/life/cancel.ts';
import { retryTask } from '../../../src/tasks/life/retry.ts';
import { startApi, type TestApi } from '../../support/api.ts';
import { hasBrowser, openPage } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { newTask, remove, succeed } from '../../support/polls.ts';

describe.skipIf(!hasBrowser)('the list of tasks', () => {
  let api: TestApi;

  beforeAll(async () => {
    api = await startApi();
  });

  afterAll(() => api.close());

  async function openList(context: TestContext) {
    const page = await openPage(context);
    await page.clock.install();
    const firstAnswer = page.waitForResponse(/ids=/);
    await page.goto(`${api.url}/tasks`);
    await firstAnswer;
    return { page, row: (id: string) => page.locator(`[data-task="${id}"]`) };
  }

  test('learns that finished tasks were retried or deleted elsewhere', async (context) => {
    const [retried, deleted] = [await newTask(api), await newTask(api)];
    await cancelTask(api.store, retried);
    await succeed(api.store, deleted);
    const { page, row } = await openList(context);

    await retryTask(api.store, retried, 'checkpoint');
    await remove(api.store, deleted);

    await eventually(async () => {
      await page.clock.runFor(3000);
      return (await row(retried).getByText('Waiting to start').count()) === 1;
    });
    await row(deleted).waitFor({ state: 'detached' });
  });

  test('loses the row of a task that is deleted while others are followed', async (context) => {
    const [kept, deleted] = [await newTask(api), await newTask(api)];
    const { row } = await openList(context);

    await remove(api.store, deleted);

    await row(deleted).waitFor({ state: 'detached' });
    expect(await row(kept).count()).toBe(1);
  });
});
