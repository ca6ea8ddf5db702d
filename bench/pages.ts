/** What a person sees on pages in Chromium: how long a page stands still, and how soon it shows news. */
import type { Browser, Page } from 'playwright-core';
import { csvFile, launchBrowser, TaskWatch } from '../test/support/browser.ts';
import { chromiumAdvice, chromiumPath } from '../test/support/chromium.ts';
import { median } from './quantile.ts';
import { type Bench, print, submit, withService } from './support.ts';

const rows = 300_000;
const rounds = 10;
const windows = 10;
const hiddenMs = 2_000;

export async function run(): Promise<void> {
  if (chromiumPath === undefined) {
    print(`pages are not measured, as there is no Chromium: ${chromiumAdvice}`);
    return;
  }
  await withService(1, async (bench) => {
    const browser = await launchBrowser();
    try {
      print('pages in Chromium');
      await measureImport(bench, browser);
      show('from the POST of a task to its row on the page of its group', await timesToJoin(bench, browser));
      show(
        'from the moment a page is seen again to its task as it is now',
        await timesToCatchUp(bench, browser),
      );
      show(`loading the same task's page in ${windows} windows`, await timesToLoad(bench, browser));
    } finally {
      await browser.close();
    }
  });
}

async function measureImport({ url }: Bench, browser: Browser): Promise<void> {
  const page = await browser.newPage();
  const watch = await TaskWatch.on(page);
  await page.goto(url);
  await page.getByLabel('CSV file', { exact: true }).setInputFiles(csvFile(rows));
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('link', { name: 'Open the dataset' }).waitFor({ timeout: 600_000 });
  await page.close();
  print(
    `  an import of ${rows.toLocaleString('en')} rows: its page stood still for ${ms(watch.longestStandstillMs)} at most, and was loaded ${watch.loads === 1 ? 'once' : `${watch.loads} times`}`,
  );
}

async function timesToJoin({ url }: Bench, browser: Browser): Promise<number[]> {
  const page = await browser.newPage();
  await page.goto(`${url}/groups/bench`);
  const times = await repeated(async (round) => {
    const postedMs = performance.now();
    await fetch(`${url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'bench-noop', input: null, group: 'bench', title: `Number ${round}.` }),
    });
    await page.getByText(`Number ${round}.`).waitFor();
    return performance.now() - postedMs;
  });
  await page.close();
  return times;
}

async function timesToCatchUp(bench: Bench, browser: Browser): Promise<number[]> {
  const page = await openMoving(bench, browser);
  const times = await repeated(async () => {
    await page.evaluate(setHidden(true));
    await page.waitForTimeout(hiddenMs);
    return (await page.evaluate(`new Promise((resolve) => {
      const seenMs = performance.now();
      new MutationObserver((_records, observer) => {
        observer.disconnect();
        resolve(performance.now() - seenMs);
      }).observe(document.querySelector('[data-live=done]'), { childList: true, characterData: true, subtree: true });
      ${setHidden(false)}
    })`)) as number;
  });
  await page.close();
  return times;
}

async function timesToLoad(bench: Bench, browser: Browser): Promise<number[]> {
  const first = await openMoving(bench, browser);
  const times: number[] = [];
  for (let opened = 0; opened < windows; opened += 1) {
    const page = await first.context().newPage();
    const beganMs = performance.now();
    await page.goto(first.url());
    times.push(performance.now() - beganMs);
  }
  await first.context().close();
  return times;
}

/** The page of a task that reports all the time. */
async function openMoving(bench: Bench, browser: Browser): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(await submit(bench, 'bench-stamps', { reports: 600, everyMs: 250 }));
  await page.locator('[data-live=status]', { hasText: 'Running' }).waitFor();
  return page;
}

function setHidden(isHidden: boolean): string {
  return `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
    document.dispatchEvent(new Event('visibilitychange'));`;
}

async function repeated(round: (number: number) => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let number = 1; number <= rounds; number += 1) times.push(await round(number));
  return times;
}

function show(what: string, times: number[]): void {
  print(`  ${what}: median ${ms(median(times))}, max ${ms(Math.max(...times))} of ${times.length}`);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
