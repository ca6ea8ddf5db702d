/** How the task's page polls: how soon it has news, how seldom it asks, and how it recovers from faults. */
import { describe, expect, type TestContext, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { pageOf, running, succeeded } from '../views.ts';
import type { PageServer } from './page-server.ts';
import { openStillTab, openTab, setHidden } from './tab.ts';

// Some of the tests mostly wait, so they run together.
describe.skipIf(!hasBrowser).concurrent("a task's page that is open", () => {
  /** A tab that shows a running task and waits for news. */
  async function arrange(context: TestContext, holding: PageServer['holding'] = 'hold') {
    const tab = await openTab(context);
    tab.server.holding = holding;
    tab.server.show(pageOf(running({ percentDone: 10 })));
    await tab.page.goto(tab.server.taskUrl);
    await eventually(() => tab.server.asked.some(({ maySleep }) => maySleep));
    return tab;
  }

  /** The same, with a clock that stands still. */
  async function arrangeStill(context: TestContext, holding: PageServer['holding'] = 'hold') {
    const tab = await openStillTab(context);
    tab.server.holding = holding;
    tab.server.show(pageOf(running({ percentDone: 10 })));
    await tab.page.goto(tab.server.taskUrl);
    await tab.passUntil(() => tab.server.asked.some(({ maySleep }) => maySleep));
    const polls = () => tab.server.asked.filter(({ accept }) => accept === 'json').length;
    return { ...tab, polls };
  }

  test('asks three times in ten seconds in which nothing changes', async (context) => {
    const { server, pass, passUntil } = await arrangeStill(context);

    await pass(9_000, 500);
    server.release();
    await passUntil(() => server.held === 1);

    // One plain question, one to wait, one for what has no version; then the wait was over.
    expect(server.asked.map(({ accept, maySleep }) => `${accept} ${maySleep}`)).toEqual([
      'html false',
      'json false',
      'json true',
      'html false',
      'json true',
    ]);
  });

  test('asks once for each change', async (context) => {
    const { server, page, polls, passUntil, passUntilSeen } = await arrangeStill(context);
    const before = polls();

    for (let change = 1; change <= 10; change += 1) {
      server.show(pageOf(running({ percentDone: 10 + change, message: `Change ${change}` })));
      await passUntilSeen(page.getByText(`Change ${change}`, { exact: true }));
      await passUntil(() => server.held === 1);
    }

    expect(polls() - before).toBe(10);
  });

  test('keeps a pause between questions if changes come faster than anybody can read', async (context) => {
    const { server, text, polls, pass, passUntilSeen } = await arrangeStill(context);
    const before = polls();

    for (let change = 1; change <= 30; change += 1) {
      server.show(pageOf(running({ percentDone: 10 + 2 * change })));
      await pass(100);
    }

    // Three seconds have passed.
    expect(polls() - before).toBeLessThanOrEqual(11);
    await passUntilSeen(text('percent').getByText('70 %'));
  });

  test.for([
    ['ignore', 'does not know how to wait'],
    ['release', 'is about to stop, and lets all go at once'],
    ['refuse', 'has too many who wait'],
    ['cut', 'sits behind something that cuts off who waits'],
  ] as const)('polls about once a second where the service (%s) %s', async ([holding], context) => {
    const { server, page, text, polls, pass, passUntilSeen } = await arrangeStill(context, holding);
    await pass(1500, 250);
    const before = polls();
    const asks: number[] = [];

    for (let step = 0; step < 20; step += 1) {
      const already = polls();
      await pass(250, 250);
      asks.push(polls() - already);
    }
    server.show(pageOf(running({ percentDone: 70 })));
    await passUntilSeen(text('percent').getByText('70 %'));

    // In five seconds, and never twice within a quarter of a second.
    expect(polls() - before).toBeLessThanOrEqual(9);
    expect(asks.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...asks)).toBe(1);
    expect(await page.locator('[data-connection]').textContent()).toBe('');
  });

  test('asks to wait again when a service that had stopped holds questions again', async (context) => {
    const { server, passUntil } = await arrangeStill(context, 'release');

    server.holding = 'hold';

    await passUntil(() => server.held === 1);
  });

  test('gives up a question that nobody answers', async (context) => {
    const { server, text, pass, passUntilSeen } = await arrangeStill(context, 'forget');
    server.show(pageOf(running({ percentDone: 70 })));

    await pass(13_000, 1000);
    expect(await text('percent').textContent()).toBe('10 %');

    await passUntilSeen(text('percent').getByText('70 %'));
  });

  test.for([
    ['the network has come back', `dispatchEvent(new Event('online'))`],
    ['the machine has slept', `{ const now = Date.now; Date.now = () => now() + 60_000; }`],
    ['the browser has thawed the page', `document.dispatchEvent(new Event('resume'))`],
    [
      'the page was kept by the browser',
      `dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`,
    ],
  ] as const)('asks anew when %s', async ([, happens], context) => {
    const { server, page, text, asksSince } = await arrange(context, 'forget');
    server.show(pageOf(running({ percentDone: 70 })));
    const since = performance.now();

    await page.evaluate(happens);
    await text('percent').getByText('70 %').waitFor();

    expect(asksSince(since)).toBeLessThanOrEqual(3);
  });

  test('comes back by itself after it was frozen while the task went on', async (context) => {
    const { server, context: browserContext, page, text } = await arrange(context);
    const devtools = await browserContext.newCDPSession(page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    server.holding = 'forget';
    server.show(pageOf(running({ percentDone: 70 })));
    server.holding = 'hold';
    await eventually(() => server.isAtRest && server.held === 0);

    await devtools.send('Page.setWebLifecycleState', { state: 'active' });

    await text('percent').getByText('70 %').waitFor();
  });

  test('says that it is offline, and goes on when it is online again', async (context) => {
    const { server, context: browserContext, page, text } = await arrange(context);

    await browserContext.setOffline(true);
    await page.getByText('Connection lost, trying again… This page shows the state of ').waitFor();
    server.show(pageOf(running({ percentDone: 70 })));
    await browserContext.setOffline(false);

    await page.getByText('Connected again.').waitFor();
    await text('percent').getByText('70 %').waitFor();
  });

  test('holds nothing while it is hidden, and is up to date as soon as it is seen', async (context) => {
    const { server, page, text, pass } = await arrangeStill(context);
    await setHidden(page, true);
    await eventually(() => server.held === 0);
    const asked = server.asked.length;

    await pass(5000, 500);
    expect(server.asked.length).toBe(asked);
    server.show(pageOf(running({ percentDone: 70 })));
    await setHidden(page, false);

    // This takes no time by the page's clock.
    await text('percent').getByText('70 %').waitFor();
  });

  test('shows the end in its title while it is hidden, within its usual pause', async (context) => {
    const { server, page, pass } = await arrangeStill(context);
    await setHidden(page, true);
    await eventually(() => server.held === 0);

    server.show(pageOf(succeeded()));
    await pass(16_000, 1000);

    await eventually(async () => (await page.title()) === 'Finished · Import people.csv');
  });

  test('looks again at a finished task when it is seen again: somebody may have retried it', async (context) => {
    const { server, page, text, passUntil, passUntilSeen } = await arrangeStill(context);
    server.show(pageOf(succeeded()));
    await passUntilSeen(text('status').getByText('Finished'));
    await setHidden(page, true);
    server.show(pageOf(running({ attempt: 2, percentDone: 40 })));

    await setHidden(page, false);
    await passUntilSeen(text('percent').getByText('40 %'));

    await passUntil(() => server.held === 1);
  });

  test('leaves connections to others: ten windows show the task and its end', async (context) => {
    const { server, context: browserContext } = await arrange(context);
    for (let opened = 1; opened < 10; opened += 1) {
      const page = await browserContext.newPage();
      await page.goto(server.taskUrl);
    }
    const pages = browserContext.pages();

    server.show(pageOf(running({ percentDone: 70 })));
    await Promise.all(pages.map((page) => page.getByText('70 %').waitFor()));
    server.show(pageOf(succeeded()));
    await Promise.all(pages.map((page) => page.getByText('100 %').waitFor()));

    // Of six connections that a browser has to one service.
    expect(server.mostHeld).toBeLessThanOrEqual(3);
  });
});
