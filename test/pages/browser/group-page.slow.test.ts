/** A group's page and the start page's list on the API without runners: the tests move the tasks. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../../support/api.ts';
import { hasBrowser, openPage } from '../../support/browser.ts';
import { timed } from '../../support/calibration.ts';
import { eventually } from '../../support/eventually.ts';
import { newTask, succeed } from '../../support/polls.ts';
import { openStore, submit } from '../../support/service.ts';
import { startWorker, takeAll } from '../../support/tasks.ts';
import { faultsOf } from './faults.ts';

describe.skipIf(!hasBrowser)("a group's page", () => {
  let api: TestApi;

  beforeAll(async () => {
    api = await startApi();
  });

  afterAll(() => api.close());

  const post = (group: string, title: string) => newTask(api, { group, title });

  /** A running task with this percentage. */
  async function postRunning(group: string, title: string, percent: number): Promise<string> {
    const id = await post(group, title);
    await takeAll(api.store, await startWorker(api.store));
    await move(id, percent);
    return id;
  }

  async function move(id: string, percent: number): Promise<void> {
    await api.store.db.pool.query(
      'UPDATE task_state SET percent_done = $2, version = version + 1, updated_at = now() WHERE id = $1',
      [id, percent],
    );
  }

  const counts = (page: Page, words: string) =>
    page.locator('[data-counts]').getByText(words, { exact: true });

  const groupUrl = (group: string) => `${api.url}/groups/${encodeURIComponent(group)}`;

  test('moves to its end without being loaded again', async (context) => {
    const page = await openPage(context);
    await page.goto(groupUrl('order 1'));
    await page.getByText('No tasks yet.').waitFor();
    await page.evaluate('window.stayed = true');

    await succeed(api.store, await post('order 1', 'Short'));
    const long = await postRunning('order 1', 'Long', 0);
    await counts(page, '1 of 2 finished').waitFor();
    await move(long, 40);
    const row = page.getByRole('listitem').filter({ hasText: 'Long' });
    await row.getByText('40 %').waitFor();
    const bar = Number(await row.locator('progress').getAttribute('value'));
    await succeed(api.store, long);
    await counts(page, '2 of 2 finished').waitFor();
    await row.getByText('100 %').waitFor();

    expect(bar).toBe(40);
    expect(await page.title()).toBe('2 of 2 finished · order 1 · Headway');
    expect(await page.locator('[data-announcer]').textContent()).toBe('2 of 2 finished');
    expect(await page.getByText('No tasks yet.').isVisible()).toBe(false);
    expect(await page.evaluate('window.stayed')).toBe(true);
  });

  test('shows a task that joins within 2.5 s, whichever process it was submitted to', async (context) => {
    const page = await openPage(context);
    await post('order 2', 'First');
    await page.goto(groupUrl('order 2'));
    await counts(page, '0 of 1 finished').waitFor();
    await page.evaluate(`window.first = document.querySelector('[data-task]')`);
    await using store = await openOtherStore(api.store.db.url);

    const { ms, allowanceMs } = await timed(async () => {
      await submit(store, 'noop', null, { group: 'order 2', title: 'Joiner' });
      await page.getByRole('link', { name: 'Joiner' }).waitFor();
    });

    expect(ms).toBeLessThan(2500 + allowanceMs);
    expect(await page.locator('.tasks .name').allTextContents()).toEqual(['Joiner', 'First']);
    expect(await page.evaluate(`document.querySelectorAll('[data-task]')[1] === window.first`)).toBe(true);
    await page.getByRole('link', { name: 'Joiner' }).click();
    await page.getByRole('link', { name: 'order 2' }).click();
    expect(page.url()).toBe(groupUrl('order 2'));
  });

  test('with hundreds of tasks touches only the row that changes', async (context) => {
    const page = await openPage(context);
    await api.store.db.pool.query(
      `INSERT INTO task_state (id, type, title, input, input_digest, max_attempts, status, group_label,
                               created_at, updated_at, finished_at, percent_done)
       SELECT gen_random_uuid(), 'noop', 'Part ' || number, '{}', 'x', 3, 'succeeded', 'hundreds',
              now() - interval '1 hour', now(), now(), 100
       FROM generate_series(1, 300) AS number`,
    );
    const last = await post('hundreds', 'The last');
    await page.goto(groupUrl('hundreds'));
    await counts(page, '300 of 301 finished').waitFor();
    await page.evaluate(`
      window.touched = new Set();
      new MutationObserver((records) => {
        for (const { target } of records) window.touched.add(target.parentElement.closest('li')?.querySelector('a').textContent);
      }).observe(document.querySelector('.tasks'), { subtree: true, childList: true, characterData: true, attributes: true });
    `);

    await takeAll(api.store, await startWorker(api.store));
    await page.locator('li[data-status=running]').waitFor();
    await move(last, 40);
    await page.getByText('40 %').waitFor();
    await succeed(api.store, last);
    await counts(page, '301 of 301 finished').waitFor();

    expect(await page.evaluate('[...window.touched].filter(Boolean)')).toEqual(['The last']);
  });

  test('without JavaScript loads itself again while any task is unfinished', async (context) => {
    const page = await openPage(context, { javaScriptEnabled: false });
    const id = await post('order 3', 'Counting');
    await page.goto(groupUrl('order 3'));
    await counts(page, '0 of 1 finished').waitFor();

    await succeed(api.store, id);
    await counts(page, '1 of 1 finished').waitFor();

    expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0);
  });

  test('is accessible in light and dark, and no wider than a small phone', async (context) => {
    const page = await openPage(context, { viewport: { width: 320, height: 600 } });
    await succeed(api.store, await post('order 4', 'A task whose title is rather long-winded'));
    await postRunning('order 4', 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(3), 40);
    await page.goto(groupUrl('order 4'));
    await counts(page, '1 of 2 finished').waitFor();

    expect(await faultsOf(page)).toEqual([]);
  });

  test("the start page's list moves, too, and asks seldom when all is finished", async (context) => {
    const page = await openPage(context);
    const id = await postRunning('order 5', 'On the start page', 10);
    await page.goto(api.url);
    const row = page.locator(`[data-task="${id}"]`);

    await row.getByText('10 %').waitFor();
    await move(id, 40);
    await row.getByText('40 %').waitFor();
    await succeed(api.store, id);
    await row.getByText('Finished').waitFor();

    await eventually(async () => (await row.locator('.percent').textContent()) === '100 %');
    expect(await page.locator('[data-connection]').textContent()).toBe('');
  });
});

/** The group as another process reads it. */
async function openOtherStore(url: string) {
  const store = await openStore(url);
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
