/**
 * A real browser for tests. If none is installed, the tests that need one are skipped; the run says so at its
 * beginning, and tells how to install one. See `chromium.ts`.
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

/**
 * Switches off Chromium's own pages for its address bar: loading them in each context takes most of a test's
 * time.
 */
const unwanted = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup'];

/**
 * The features that Playwright turns off and that matter here, repeated because only the last such switch
 * counts.
 */
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

/** For `describe.skipIf(!hasBrowser)`. */
export const hasBrowser = chromiumPath !== undefined;

/** Starts a browser that only the caller uses. */
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
 * The browser that all test files of a worker share, as a start takes as long as five tests. It ends with its
 * worker: Playwright closes it on the SIGTERM by which vitest ends workers, and Chromium itself leaves when
 * the pipe to its worker breaks.
 */
async function sharedBrowser(): Promise<Browser> {
  shared ??= launchBrowser();
  const browser = await shared;
  if (browser.isConnected()) return browser;
  shared = undefined;
  return sharedBrowser();
}

type Test = Pick<TestContext, 'onTestFinished'>;

/** A context with its own cookies, storage and tabs. Any error that a page in it reports fails the test. */
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

/** A tab in its own context. */
export async function openPage(test: Test, options: BrowserContextOptions = {}): Promise<Page> {
  return (await openContext(test, options)).newPage();
}

/** Collects the errors that pages report, except failed requests: an outage is no fault of the page. */
function complaintsOf(context: BrowserContext): string[] {
  const complaints: string[] = [];
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('console', (message) => {
    // Chromium reports each answer of 4xx and 5xx and each lost connection as an error of the console.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

/** A CSV file for `setInputFiles`: the column `id` with another value in each row, and three more columns. */
export function csvFile(rows: number, name = 'people.csv') {
  const lines = ['id,name,city,amount'];
  for (let id = 1; id <= rows; id += 1) lines.push(`${id},Person ${id},"Some, city",${(id % 9973) / 100}`);
  return { name, mimeType: 'text/csv', buffer: Buffer.from(`${lines.join('\n')}\n`) };
}

/** The text that a person could read on a task's page at one moment. */
export interface Sighting {
  /** The time, in milliseconds on the clock of `nowMs`. */
  readonly at: number;
  /** Identifies the load of the page: it changes when the page is loaded again. */
  readonly loadedAt: number;
  readonly status: string;
  readonly percent: string;
  readonly message: string;
  readonly notices: string;
  readonly connection: string;
}

/** The clock that the sightings of all pages share. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Watches a tab by JavaScript in the page: it records each change of a task's page at the time it happens.
 */
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

  /** The percentages that the page showed while the task ran, in order. */
  get percentages(): number[] {
    return this.running.map(({ percent }) => Number.parseInt(percent, 10)).filter(Number.isFinite);
  }

  /** The numbers of rows that the page showed while the task ran, in order. */
  get rows(): number[] {
    return this.running
      .map(({ message }) => Number.parseInt(message.replaceAll(',', ''), 10))
      .filter(Number.isFinite);
  }

  /** The longest time without a change on the page of a running task, until its end. */
  get longestStandstillMs(): number {
    const moves = this.sightings.filter(
      ({ percent, message }, index, all) =>
        percent !== all[index - 1]?.percent || message !== all[index - 1]?.message,
    );
    const first = moves.findIndex(({ status }) => status === 'Running');
    const times = moves.slice(first).map(({ at }) => at);
    return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  }

  /** When the page first showed a text, at `since` or later. */
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
