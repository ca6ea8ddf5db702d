/** Pages behind proxies that compress; each proxy changes tags in another way. */
import { describe, expect, test } from 'vitest';
import { startApi } from '../../support/api.ts';
import { hasBrowser, openPage } from '../../support/browser.ts';
import { timed } from '../../support/calibration.ts';
import { CompressingProxy, type TagHabitName } from '../../support/compressing-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { newTask } from '../../support/polls.ts';
import { startWorker, takeAll } from '../../support/tasks.ts';

/** How long a page lets a question be held. */
const waitMs = 10_000;
const percents = [20, 40, 60];

const habits: TagHabitName[] = [
  'drops strong tags (Envoy)',
  'writes the coding into tags (Apache)',
  'drops all tags',
  'has tags of its own',
];
const pages = {
  'the page of a task': (id: string) => `/tasks/${id}`,
  'the page of a group': () => '/groups/proxied',
  'the list of the start page': () => '/',
};

// The tests mostly wait, so they run together.
describe.skipIf(!hasBrowser).concurrent.each(habits)('behind a proxy that %s', (habit) => {
  test.for(Object.entries(pages))(
    '%s has news at once, with one question for each',
    async ([, pathOf], context) => {
      await using api = await startApi();
      await using proxy = await CompressingProxy.start(api.port, habit);
      const id = await newTask(api, { group: 'proxied' });
      await takeAll(api.store, await startWorker(api.store));
      const move = (percent: number) =>
        api.store.db.pool.query(
          'UPDATE task_state SET percent_done = $2, version = version + 1, updated_at = now() WHERE id = $1',
          [id, percent],
        );
      const isHeld = () => eventually(() => api.reading.watchers.count === 1);
      const page = await openPage(context);
      const openedMs = performance.now();
      await page.goto(`${proxy.url}${pathOf(id)}`);

      for (const percent of percents) {
        await isHeld();
        const { ms, allowanceMs } = await timed(async () => {
          await move(percent);
          await page.getByText(`${percent} %`, { exact: true }).waitFor();
        });
        expect(ms).toBeLessThan(2_500 + allowanceMs);
      }
      // One more question, when the time of a question is up.
      await isHeld();
      const asked = proxy.polls.length;
      await eventually(() => proxy.polls.length > asked);
      await isHeld();

      // A plain question at first; then each question ends with news, or when its time is up.
      const inTime = Math.floor((performance.now() - openedMs) / waitMs);
      expect(proxy.polls.length).toBeLessThanOrEqual(2 + percents.length + inTime);
      expect(await page.locator('[data-connection]').textContent()).toBe('');
      await page.close();
    },
  );
});
