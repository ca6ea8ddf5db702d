/** The task's page in a browser, against a server whose task the tests move by hand. */
import { describe, expect, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { cancelled, event, pageOf, queued, running, succeeded } from '../views.ts';
import { openStillTab, openTab } from './tab.ts';

// The tests mostly wait, so they run together.
describe.skipIf(!hasBrowser).concurrent("the task's page in a browser", () => {
  test('moves from the queue to the end without being loaded again', async (context) => {
    const { server, page, text } = await openTab(context);
    await page.goto(server.taskUrl);
    await page.evaluate('window.stayed = true');

    server.show(pageOf(running()));
    await text('percent').getByText('24 %').waitFor();
    const updatedAt = '2026-03-01T12:00:30.000Z';
    server.show(
      pageOf(
        running({
          updatedAt,
          progressedAt: updatedAt,
          percentDone: 71.9,
          done: 35_950,
          etaSeconds: 16.8,
          message: 'Almost there',
        }),
      ),
    );
    await text('percent').getByText('71 %').waitFor();

    expect(await page.title()).toBe('71 % · Import people.csv');
    await text('done').getByText('35,950 of 50,000 rows').waitFor();
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('71.9');
    expect(await text('rate').textContent()).toBe('8,200 rows a second');
    expect(await text('time').textContent()).toBe('about 15 seconds left');
    expect(await text('message').textContent()).toBe('Almost there');

    server.show(pageOf(succeeded(), { resultLink: '/datasets/1', history: [event('succeeded', 1)] }));
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor();

    expect(await text('percent').textContent()).toBe('100 %');
    expect(await page.title()).toBe('Finished · Import people.csv');
    expect(await page.getByRole('button').count()).toBe(0);
    expect(await page.locator('.history').textContent()).toContain('Finished');
    expect(await page.evaluate('window.stayed')).toBe(true);
  });

  test('gets only what is new, and asks nothing once the task is finished', async (context) => {
    const { server, page, text, pass, passUntil, passUntilSeen } = await openStillTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await passUntil(() => server.held === 1);
    server.release();
    await passUntil(() => server.asked.some(({ status }) => status === 304));
    server.show(pageOf(succeeded()));
    await passUntilSeen(text('status').getByText('Finished'));
    await passUntilSeen(page.getByRole('heading', { name: 'Result' }));
    const asked = server.asked.length;

    await pass(5000, 500);

    expect(server.asked.length).toBe(asked);
  });

  test('moves at least once a second while the task runs', async (context) => {
    const { server, page, pass, passUntil } = await openStillTab(context);
    server.show(pageOf(running({ percentDone: 0 })));
    await page.goto(server.taskUrl);
    await passUntil(() => server.held === 1);
    await page.evaluate(`
      window.moves = [];
      new MutationObserver(() => window.moves.push(performance.now()))
        .observe(document.querySelector('[data-live=done]'), { childList: true });
    `);

    for (let done = 200; done <= 6000; done += 200) {
      server.show(pageOf(running({ done, percentDone: done / 500 })));
      await pass(200, 200);
    }

    const moves = (await page.evaluate('window.moves')) as number[];
    const gaps = moves.slice(1).map((at, index) => at - (moves[index] ?? at));
    expect(moves.length).toBeGreaterThanOrEqual(6);
    // By the page's own clock.
    expect(Math.max(...gaps)).toBeLessThan(1000);
  });

  test('never goes backwards within an attempt, but starts anew with the next', async (context) => {
    const { server, page, text } = await openTab(context);
    server.show(pageOf(running({ percentDone: 60 })));
    await page.goto(server.taskUrl);
    await text('percent').getByText('60 %').waitFor();

    const asked = server.asked.length;
    server.show(pageOf(running({ percentDone: 40, done: 1 })));
    // The page has got the state, and has asked again.
    await eventually(() => server.asked.length > asked && server.held === 1);

    expect(await text('percent').textContent()).toBe('60 %');
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('60');
    expect(await text('done').textContent()).toBe('12,300 of 50,000 rows');

    server.show(pageOf(running({ attempt: 2, percentDone: 5 })));
    await text('percent').getByText('5 %', { exact: true }).waitFor();
  });

  test('says at once that the worker died and that the task goes on', async (context) => {
    const { server, page, text, nowOfPage, passUntil, passUntilSeen } = await openStillTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await passUntil(() => server.held === 1);
    const diedAt = await nowOfPage();
    const history = [event('started', 1), event('worker_lost', 1, { reason: 'exited' })];

    server.show(pageOf(queued({ attempt: 1, percentDone: 24.6 }), { history }));
    await passUntilSeen(
      page.locator('.notice', {
        hasText: 'The worker that ran this task died; the task goes on from where it was saved.',
      }),
    );
    const saidIn = (await nowOfPage()) - diedAt;
    server.show(
      pageOf(running({ attempt: 2, percentDone: 30 }), { history: [...history, event('started', 2)] }),
    );
    await passUntilSeen(text('percent').getByText('30 %'));

    await passUntilSeen(page.locator('.history', { hasText: 'Started again' }));
    // By the page's own clock.
    expect(saidIn).toBeLessThan(2000);
    expect(await page.locator('.notice').textContent()).toContain('The worker that ran this task died');
  });

  test('announces changes of state, but not every percent', async (context) => {
    const { server, page, text } = await openTab(context);
    const announcer = page.locator('[data-announcer]');
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    server.show(pageOf(running({ percentDone: 50 })));
    await text('percent').getByText('50 %').waitFor();
    expect(await announcer.textContent()).toBe('');

    server.show(pageOf(succeeded()));

    await announcer.getByText('Finished').waitFor({ state: 'attached' });
  });

  test.for([
    ['hang up', 'Connection lost, trying again… This page shows the state of '],
    [
      'unavailable',
      'The service cannot tell what is new right now, trying again… This page shows the state of ',
    ],
  ] as const)(
    'says that there is no news (%s), and that there is again',
    async ([outage, words], context) => {
      const { server, page, text, passUntil, passUntilSeen } = await openStillTab(context);
      server.show(pageOf(running()));
      await page.goto(server.taskUrl);
      await passUntil(() => server.held === 1);

      server.outage = outage;
      await passUntilSeen(page.getByText(words));
      server.outage = 'none';
      server.show(pageOf(running({ percentDone: 80 })));
      await passUntilSeen(text('percent').getByText('80 %'));

      expect(await page.getByText('Connected again.').count()).toBe(1);
      await passUntil(async () => (await page.locator('[data-connection]').textContent()) === '', 500);
    },
  );

  test('shows the result in the end, also if loading the page with it fails at first', async (context) => {
    const { server, page, text } = await openTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);

    server.outage = 'no pages';
    server.show(pageOf(succeeded(), { resultLink: '/datasets/1' }));
    await text('status').getByText('Finished').waitFor();
    await eventually(() => server.asked.some(({ accept, status }) => accept === 'html' && status === 503));
    server.outage = 'none';

    await page.getByRole('link', { name: 'Open the dataset' }).waitFor();
  });

  test('asks less and less often during an outage', async (context) => {
    const { server, page, pass, passUntil } = await openStillTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await passUntil(() => server.held === 1);
    const asked = server.asked.length;

    server.outage = 'unavailable';
    await pass(6500, 250);

    // With a poll every 0.8 s there would be eight.
    expect(server.asked.length - asked).toBeLessThanOrEqual(6);
    expect(server.asked.length - asked).toBeGreaterThan(1);
  });

  test('says that the task is gone when it has been pruned', async (context) => {
    const { server, page, text, pass, passUntil, passUntilSeen } = await openStillTab(context);
    server.show(pageOf(running({ title: 'People · of Rome' })));
    await page.goto(server.taskUrl);
    await passUntil(() => server.held === 1);

    server.outage = 'gone';
    await passUntilSeen(page.getByText('This task is no longer here: it has expired or was deleted.'));
    const asked = server.asked.length;
    await pass(30_000, 1000);

    expect(server.asked.length).toBe(asked);
    expect(await page.getByRole('button').count()).toBe(0);
    expect(await page.title()).toBe('Gone · People · of Rome');
    expect(await text('status').textContent()).toBe('Gone');
  });

  test('looks up the place in the queue, which has no version', async (context) => {
    const { server, page, passUntilSeen } = await openStillTab(context);
    server.show(pageOf(queued(), { place: 7 }));
    await page.goto(server.taskUrl);
    await page.getByText('Number 7 in the queue').waitFor();

    server.showQuietly(pageOf(queued(), { place: 2 }));

    await passUntilSeen(page.getByText('Number 2 in the queue'), 500);
  });

  test('keeps what the reader has opened when the sections change', async (context) => {
    const { server, page } = await openTab(context);
    const log = Array.from({ length: 40 }, (_, index) => event('log', 1, { text: `line ${index}` }, index));
    server.show(pageOf(running(), { history: log }));
    await page.goto(server.taskUrl);
    await page.getByText('15 earlier entries').click();
    await page.getByText('line 3', { exact: true }).waitFor();

    server.show(
      pageOf(running({ cancelRequested: true }), { history: [...log, event('cancel_requested', 1)] }),
    );
    await page.getByText('Cancelling was requested').waitFor();

    expect(await page.getByText('line 3', { exact: true }).isVisible()).toBe(true);
  });

  test('cancels the task by its form', async (context) => {
    const { server, page } = await openTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);

    server.onPost = () => server.show(pageOf(cancelled()));
    await page.getByRole('button', { name: 'Cancel this task' }).click();

    await page.getByRole('heading', { name: 'Cancelled' }).waitFor();
    expect(page.url()).toBe(server.taskUrl);
  });

  test("shows times in the reader's own zone", async (context) => {
    const { server, page } = await openTab(context, { timezoneId: 'Asia/Tokyo' });
    server.show(pageOf(succeeded()));

    await page.goto(server.taskUrl);

    await page.locator('.history time', { hasText: '1 Mar 2026, 21:00:00' }).waitFor();
  });

  test('without JavaScript loads itself again until the task is finished', async (context) => {
    const { server, page } = await openTab(context, { javaScriptEnabled: false });
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await page.getByText('24 %').waitFor();

    server.show(pageOf(running({ percentDone: 66 })));
    await page.getByText('66 %').waitFor();
    server.show(pageOf(succeeded(), { resultLink: '/datasets/1' }));
    await page.getByRole('link', { name: 'Open the dataset' }).waitFor();

    // Nothing makes the browser load it again.
    expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0);
  });
});
