/** How the task's page moves between the states that the server sends, frame by frame. */
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, type TestContext, test } from 'vitest';
import type { TaskPageView } from '../../../src/api/pages/index.ts';
import { hasBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { pageOf, queued, running, succeeded } from '../views.ts';
import { openStillTab, openTab, setHidden } from './tab.ts';

interface Frame {
  readonly at: number;
  readonly bar: number;
  readonly percent: number;
  readonly done: number;
}

const framesOf = async (page: Page) => (await page.evaluate('window.frames')) as Frame[];

// Some of the tests mostly wait, so they run together.
describe.skipIf(!hasBrowser).concurrent("the bar of a task's page", () => {
  /** A tab that shows a running task, and keeps what it shows in each frame. */
  async function arrange(context: TestContext, options: BrowserContextOptions = {}) {
    const tab = await openTab(context, options);
    tab.server.show(at(10));
    await tab.page.goto(tab.server.taskUrl);
    await eventually(() => tab.server.held === 1);
    await tab.page.evaluate(watchFrames);
    return { ...tab, frames: () => framesOf(tab.page) };
  }

  /** The same, with a clock that stands still. */
  async function arrangeStill(context: TestContext) {
    const tab = await openStillTab(context);
    tab.server.show(at(10));
    await tab.page.goto(tab.server.taskUrl);
    await tab.passUntil(() => tab.server.held === 1);
    await tab.page.evaluate(watchFrames);
    return { ...tab, frames: () => framesOf(tab.page) };
  }

  test('moves between two states, never backwards, and never past what the server has said', async (context) => {
    const { server, text, frames, nowOfPage, pass, passUntilSeen } = await arrangeStill(context);
    const said: { at: number; percent: number }[] = [{ at: 0, percent: 10 }];

    for (let percent = 14; percent <= 50; percent += 4) {
      said.push({ at: await nowOfPage(), percent });
      server.show(at(percent));
      await pass(450 + (percent % 3) * 80);
    }

    await passUntilSeen(text('done').getByText('25,000 of 50,000 rows'));
    await pass(100);
    const seen = await frames();
    const values = seen.map(({ bar }) => bar);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).toSorted((a, b) => a - b));
    expect(seen.filter((frame) => frame.bar > newest(said, frame.at))).toEqual([]);
    expect(seen.filter(({ percent, bar }) => percent > bar || percent < bar - 3)).toEqual([]);
    // Ten steps of the server; the page has shown many more.
    expect(new Set(values).size).toBeGreaterThan(50);
    expect(new Set(seen.map(({ done }) => done)).size).toBeGreaterThan(25);
    // The bar moves evenly: it seldom rests.
    expect(shareOfMoves(values.filter((value) => value > 14 && value < 46))).toBeGreaterThan(0.6);
    expect(values.at(-1)).toBe(50);
  });

  test('begins to move as soon as there is news', async (context) => {
    const { server, page, frames, pass } = await arrangeStill(context);
    await page.evaluate(watchNews);
    for (let percent = 12; percent <= 20; percent += 2) {
      server.show(at(percent));
      await pass(1200, 400);
    }

    const seen = await frames();
    const news = (await page.evaluate('window.news')) as number[];
    const delays = news.map((at) => {
      const before = seen.findLast((frame) => frame.at <= at)?.bar ?? 0;
      return (seen.find((frame) => frame.at > at && frame.bar > before)?.at ?? Number.POSITIVE_INFINITY) - at;
    });
    expect(delays.length).toBe(5);
    // By the page's own clock: in the second frame at the latest.
    expect(Math.max(...delays)).toBeLessThan(35);
  });

  test('glides to its end within half a second when the task has succeeded', async (context) => {
    const { server, frames, passUntil } = await arrangeStill(context);

    server.show(pageOf(succeeded()));
    await passUntil(async () => (await frames()).at(-1)?.bar === 100);

    const seen = await frames();
    const start = seen.find(({ bar }) => bar > 10)?.at ?? 0;
    const end = seen.find(({ bar }) => bar === 100)?.at ?? 0;
    // By the page's own clock.
    expect(end - start).toBeLessThan(500);
    expect(new Set(seen.map(({ bar }) => bar)).size).toBeGreaterThan(5);
  });

  test('goes back with a new attempt, and only then', async (context) => {
    const { server, text, frames } = await arrange(context);
    server.show(at(60));
    await text('percent').getByText('60 %').waitFor();

    server.show(pageOf(queued({ attempt: 1, failures: 1, percentDone: 60 })));
    await text('status').getByText('Waiting to try again').waitFor();
    server.show(at(5, 2));
    await text('percent').getByText('5 %', { exact: true }).waitFor();
    server.show(at(9, 2));
    await text('percent').getByText('9 %', { exact: true }).waitFor();
    await eventually(async () => (await frames()).at(-1)?.bar === 9);

    const values = (await frames()).map(({ bar }) => bar);
    const falls = values.filter((value, index) => value < (values[index - 1] ?? 0));
    expect(falls).toEqual([5]);
  });

  test('jumps for a reader who wants no motion', async (context) => {
    const { server, text, frames } = await arrange(context, { reducedMotion: 'reduce' });

    server.show(at(30));
    await text('percent').getByText('30 %').waitFor();
    server.show(at(50));
    await text('percent').getByText('50 %').waitFor();

    expect([...new Set((await frames()).map(({ bar }) => bar))]).toEqual([10, 30, 50]);
  });

  test('asks for no frame while nothing moves', async (context) => {
    const { server, page, text, pass, passUntilSeen } = await arrangeStill(context);
    server.show(at(30));
    await passUntilSeen(text('done').getByText('15,000 of 50,000 rows'));
    await pass(100);
    await page.evaluate(`
      window.asked = 0;
      const original = requestAnimationFrame;
      window.requestAnimationFrame = (callback) => {
        window.asked += callback.name === 'look' ? 0 : 1;
        return original(callback);
      };
    `);

    await pass(1000, 500);
    expect(await page.evaluate('window.asked')).toBe(0);
    server.show(at(40));
    await passUntilSeen(text('done').getByText('20,000 of 50,000 rows'));

    expect(await page.evaluate('window.asked')).toBeGreaterThan(10);
  });

  test('is at the newest position as soon as the page is seen again', async (context) => {
    const { server, page, text, frames } = await arrange(context);
    await setHidden(page, true);
    await eventually(() => server.held === 0);
    server.show(at(80));

    await setHidden(page, false);
    await text('percent').getByText('80 %').waitFor();

    expect([...new Set((await frames()).map(({ bar }) => bar))]).toEqual([10, 80]);
  });
});

function at(percentDone: number, attempt = 1): TaskPageView {
  return pageOf(running({ percentDone, done: percentDone * 500, attempt }));
}

function newest(said: { at: number; percent: number }[], atMs: number): number {
  return said.findLast((state) => state.at <= atMs)?.percent ?? 0;
}

/** The share of the frames in which the bar was at another place than in the frame before. */
function shareOfMoves(values: number[]): number {
  return values.filter((value, index) => value !== values[index - 1]).length / values.length;
}

/** Records what the page shows in every frame. */
const watchFrames = `
  window.frames = [];
  const number = (selector) => Number.parseInt(document.querySelector(selector).textContent.replaceAll(',', ''), 10);
  (function look() {
    window.frames.push({
      at: performance.now(),
      bar: document.querySelector('progress').value,
      percent: number('[data-live=percent]'),
      done: number('[data-live=done]'),
    });
    requestAnimationFrame(look);
  })();
`;

/** Records when the answers about the task came. */
const watchNews = `
  window.news = [];
  const text = Response.prototype.text;
  Response.prototype.text = async function () {
    const body = await text.call(this);
    if (this.headers.get('content-type') === 'application/json') window.news.push(performance.now());
    return body;
  };
`;
