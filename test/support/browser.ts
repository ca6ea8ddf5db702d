/**
 * A real browser for tests. Where none is installed, the tests that need one are skipped: the run has said so at its
 * beginning, and how to run them. See `chromium.ts`.
 */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import type { TestContext } from 'vitest';
import { chromiumPath } from './chromium.ts';
import { conditionLimitMs } from './patience.ts';

/** Pages of Chromium's own, for its address bar, which it would load for each context: most of what a test costs. */
const unwanted = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup'];

/** Of the features that Playwright turns off, those that matter here: of two such switches the later counts alone. */
const unwantedByPlaywright = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
];

/** `describe.skipIf(!hasBrowser)` */
export const hasBrowser = chromiumPath !== undefined;

/** A browser of the caller's own. */
export function launchBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('No Chromium found');
  return chromium.launch({
    executablePath: chromiumPath,
    timeout: conditionLimitMs,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--disable-features=${[...unwanted, ...unwantedByPlaywright].join(',')}`,
    ],
  });
}

let shared: Promise<Browser> | undefined;

/**
 * The one that all test files of a worker share, as a start costs as much as five tests. It ends with its worker:
 * Playwright closes it on the SIGTERM by which vitest ends workers, and Chromium itself leaves when the pipe to its
 * worker breaks.
 */
async function sharedBrowser(): Promise<Browser> {
  shared ??= launchBrowser();
  const browser = await shared;
  if (browser.isConnected()) return browser;
  shared = undefined;
  return sharedBrowser();
}

type Test = Pick<TestContext, 'onTestFinished'>;

/** Cookies, storage and tabs of the test's own. Whatever a page in it complains of fails the test. */
export async function openContext(
  { onTestFinished }: Test,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await (await sharedBrowser()).newContext(options);
  context.setDefaultTimeout(conditionLimitMs);
  const complaints = complaintsOf(context);
  onTestFinished(async () => {
    await context.close();
    if (complaints.length > 0) throw new Error(`A page complains:\n${complaints.join('\n')}`);
  });
  return context;
}

/** A tab in a context of the test's own. */
export async function openPage(test: Test, options: BrowserContextOptions = {}): Promise<Page> {
  return (await openContext(test, options)).newPage();
}

/** Collects what pages complain of, failed requests apart: an outage is no fault of the page. */
function complaintsOf(context: BrowserContext): string[] {
  const complaints: string[] = [];
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('console', (message) => {
    // Chromium reports each answer of 4xx and 5xx, and each lost connection.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

/** A CSV file for `setInputFiles`: `id`, unlike in each row, and three more columns. */
export function csvFile(rows: number, name = 'people.csv') {
  const lines = ['id,name,city,amount'];
  for (let id = 1; id <= rows; id += 1) lines.push(`${id},Person ${id},"Some, city",${(id % 9973) / 100}`);
  return { name, mimeType: 'text/csv', buffer: Buffer.from(`${lines.join('\n')}\n`) };
}

/** What a person could read on a task's page at one moment. */
export interface Sighting {
  /** Milliseconds on the clock of `nowMs`. */
  readonly at: number;
  /** The same for as long as the page is not loaded again. */
  readonly loadedAt: number;
  readonly status: string;
  readonly percent: string;
  readonly message: string;
  readonly notices: string;
  readonly connection: string;
}

/** A clock that the pages' sightings share. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Keeps an eye on a tab, with JavaScript: every change of a task's page is seen, at the time it happens. */
export class TaskWatch {
  readonly sightings: Sighting[] = [];

  /** Call before the task's page is opened. */
  static async on(page: Page): Promise<TaskWatch> {
    const watch = new TaskWatch();
    await page.exposeFunction('tellSighting', (sighting: Sighting) => watch.sightings.push(sighting));
    await page.addInitScript(watchScript);
    return watch;
  }

  /** How often a task's page was loaded. */
  get loads(): number {
    return new Set(this.sightings.map(({ loadedAt }) => loadedAt)).size;
  }

  /** The percentages that could be read while it ran, in order. */
  get percentages(): number[] {
    return this.running.map(({ percent }) => Number.parseInt(percent, 10)).filter(Number.isFinite);
  }

  /** The numbers of rows that could be read while it ran, in order. */
  get rows(): number[] {
    return this.running
      .map(({ message }) => Number.parseInt(message.replaceAll(',', ''), 10))
      .filter(Number.isFinite);
  }

  /** The longest time in which the page of a running task stood still, its end included. */
  get longestStandstillMs(): number {
    const moves = this.sightings.filter(
      ({ percent, message }, index, all) =>
        percent !== all[index - 1]?.percent || message !== all[index - 1]?.message,
    );
    const first = moves.findIndex(({ status }) => status === 'Running');
    const times = moves.slice(first).map(({ at }) => at);
    return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  }

  /** When something could first be read, at `since` or later. */
  firstAt(isThere: (sighting: Sighting) => boolean, since = 0): number | undefined {
    return this.sightings.find((sighting) => sighting.at >= since && isThere(sighting))?.at;
  }

  private get running(): Sighting[] {
    return this.sightings.filter(({ status }) => status === 'Running');
  }
}

const watchScript = `addEventListener('DOMContentLoaded', () => {
  const main = document.querySelector('main[data-state]');
  if (!main) return;
  const text = (selector) => [...main.querySelectorAll(selector)].map((found) => found.textContent).join(' ').trim();
  const look = () => tellSighting({
    at: performance.timeOrigin + performance.now(),
    loadedAt: performance.timeOrigin,
    status: text('[data-live=status]'),
    percent: text('[data-live=percent]'),
    message: text('[data-live=message]'),
    notices: text('.notice'),
    connection: text('[data-connection]'),
  });
  look();
  new MutationObserver(look).observe(main, { subtree: true, childList: true, characterData: true });
})`;
