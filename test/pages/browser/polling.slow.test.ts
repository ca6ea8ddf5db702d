/** How the task's page asks: how soon it knows, how seldom it asks, and how it comes back from what can happen. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { pageOf, running, succeeded } from '../views.ts';
import type { PageServer } from './page-server.ts';
import { openTab, setHidden } from './tab.ts';

// The tests mostly wait, so they do it together.
describe.skipIf(!hasBrowser).concurrent("a task's page that is open", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(() => browser.close());

  /** A tab that shows a running task and waits for news. */
  async function arrange(context: TestContext, holding: PageServer['holding'] = 'hold') {
    const tab = await openTab(browser, context);
    tab.server.holding = holding;
    tab.server.show(pageOf(running({ percentDone: 10 })));
    await tab.page.goto(tab.server.taskUrl);
    await eventually(() => tab.server.asked.some(({ maySleep }) => maySleep));
    const polls = (since: number) =>
      tab.server.asked.filter(({ at, accept }) => accept === 'json' && at >= since);
    return { ...tab, polls };
  }

  test('asks three times in ten seconds in which nothing changes', async (context) => {
    const { server } = await arrange(context);

    await eventually(() => server.asked.filter(({ accept }) => accept === 'html').length === 2);

    // Plainly at first, once to wait, and for what has no version; on a busy machine the wait is over by then.
    expect(server.asked.slice(0, 3).map(({ accept, maySleep }) => `${accept} ${maySleep}`)).toEqual([
      'html false',
      'json false',
      'json true',
    ]);
    expect(server.asked.length).toBeLessThanOrEqual(5);
  });

  test('asks once for each change', async (context) => {
    const { server, page, polls } = await arrange(context);
    const since = performance.now();

    for (let change = 1; change <= 10; change += 1) {
      server.show(pageOf(running({ percentDone: 10 + change, message: `Change ${change}` })));
      await page.getByText(`Change ${change}`, { exact: true }).waitFor();
      await page.waitForTimeout(350);
    }

    expect(polls(since).length).toBeLessThanOrEqual(11);
  });

  test('keeps a distance where changes come faster than anybody can read', async (context) => {
    const { server, page, polls } = await arrange(context);
    const since = performance.now();
    let change = 0;
    const timer = setInterval(() => {
      change += 1;
      server.show(pageOf(running({ percentDone: 10 + change / 10 })));
    }, 20);

    await page.waitForTimeout(3000);
    clearInterval(timer);

    expect(polls(since).length).toBeLessThanOrEqual(11);
  });

  test.for([
    ['ignore', 'does not know how to wait'],
    ['release', 'is about to stop, and lets all go at once'],
    ['refuse', 'has too many who wait'],
    ['cut', 'sits behind something that cuts off who waits'],
  ] as const)('polls about once a second where the service (%s) %s', async ([holding], context) => {
    const { server, page, text, polls } = await arrange(context, holding);
    await page.waitForTimeout(1500);
    const since = performance.now();

    await page.waitForTimeout(5000);
    server.show(pageOf(running({ percentDone: 70 })));
    await text('percent').getByText('70 %').waitFor({ timeout: 8000 });

    const asks = polls(since).map(({ at }) => at);
    const gaps = asks.slice(1).map((at, index) => at - (asks[index] ?? at));
    expect(Math.min(...gaps)).toBeGreaterThan(100);
    expect(asks.length).toBeLessThanOrEqual(9);
    expect(asks.length).toBeGreaterThanOrEqual(3);
    expect(await page.locator('[data-connection]').textContent()).toBe('');
  });

  test('waits again when the service that let all go holds questions again', async (context) => {
    const { server } = await arrange(context, 'release');

    server.holding = 'hold';

    await eventually(() => server.held === 1);
  });

  test('gives up a question that nobody answers', async (context) => {
    const { server, text } = await arrange(context, 'forget');
    server.show(pageOf(running({ percentDone: 70 })));

    await text('percent').getByText('70 %').waitFor({ timeout: 18_000 });
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
    await text('percent').getByText('70 %').waitFor({ timeout: 8000 });

    expect(asksSince(since)).toBeLessThanOrEqual(3);
  });

  test('comes back by itself after it was frozen while the task went on', async (context) => {
    const { server, context: browserContext, page, text } = await arrange(context);
    const devtools = await browserContext.newCDPSession(page);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    server.holding = 'forget';
    server.show(pageOf(running({ percentDone: 70 })));
    server.holding = 'hold';
    await page.waitForTimeout(3000);

    await devtools.send('Page.setWebLifecycleState', { state: 'active' });

    await text('percent').getByText('70 %').waitFor({ timeout: 8000 });
  });

  test('says that it is offline, and goes on when it is not', async (context) => {
    const { server, context: browserContext, page, text } = await arrange(context);

    await browserContext.setOffline(true);
    await page
      .getByText('Connection lost, trying again… This is how it stood at ')
      .waitFor({ timeout: 8000 });
    server.show(pageOf(running({ percentDone: 70 })));
    await browserContext.setOffline(false);

    await page.getByText('Connected again.').waitFor({ timeout: 8000 });
    await text('percent').getByText('70 %').waitFor({ timeout: 8000 });
  });

  test('holds nothing while it is hidden, and is up to date within a second of being seen', async (context) => {
    const { server, page, text, asksSince } = await arrange(context);
    await setHidden(page, true);
    await eventually(() => server.held === 0);
    const hiddenAt = performance.now();

    await page.waitForTimeout(5000);
    expect(asksSince(hiddenAt)).toBe(0);
    server.show(pageOf(running({ percentDone: 70 })));
    await setHidden(page, false);

    await text('percent').getByText('70 %').waitFor({ timeout: 1000 });
  });

  test('tells the end by its title while it is hidden, in its own time', async (context) => {
    const { server, page } = await arrange(context);
    await setHidden(page, true);
    await eventually(() => server.held === 0);

    server.show(pageOf(succeeded()));

    await eventually(async () => (await page.title()) === 'Finished · Import people.csv');
  });

  test('looks again at a finished task when it is seen again: somebody may have retried it', async (context) => {
    const { server, page, text } = await arrange(context);
    server.show(pageOf(succeeded()));
    await text('status').getByText('Finished').waitFor();
    await setHidden(page, true);
    server.show(pageOf(running({ attempt: 2, percentDone: 40 })));

    await setHidden(page, false);
    await text('percent').getByText('40 %').waitFor({ timeout: 2000 });

    await eventually(() => server.held === 1);
  });

  test('leaves connections to others: ten windows show the task and its end', async (context) => {
    const { server, context: browserContext } = await arrange(context);
    const openedIn = await openWindows(browserContext, server, 9);
    const pages = browserContext.pages();

    server.show(pageOf(running({ percentDone: 70 })));
    await Promise.all(pages.map((page) => page.getByText('70 %').waitFor({ timeout: 5000 })));
    expect(server.held).toBeLessThanOrEqual(3);
    server.show(pageOf(succeeded()));
    await Promise.all(pages.map((page) => page.getByText('100 %').waitFor({ timeout: 5000 })));

    expect(Math.max(...openedIn)).toBeLessThan(3000);
  });
});

/** @returns how long each took to load, in milliseconds */
async function openWindows(context: BrowserContext, server: PageServer, count: number): Promise<number[]> {
  const openedIn: number[] = [];
  for (let opened = 0; opened < count; opened += 1) {
    const startedAt = performance.now();
    const page: Page = await context.newPage();
    await page.goto(server.taskUrl);
    openedIn.push(performance.now() - startedAt);
  }
  return openedIn;
}
