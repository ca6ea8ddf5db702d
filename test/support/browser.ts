/**
 * A real browser for tests. Where none is installed, the tests that need one are skipped and say how to
 * run them; HEADWAY_REQUIRE_BROWSER=1 makes that a failure, for CI.
 */
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const candidates = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

const browserPath = candidates.find((path) => path !== undefined && isExecutable(path));

if (browserPath === undefined) {
  const advice = 'install Chromium (Debian: apt-get install chromium) or set CHROMIUM_PATH to its program';
  if (process.env.HEADWAY_REQUIRE_BROWSER === '1') throw new Error(`No browser: ${advice}.`);
  process.stderr.write(`Browser tests are skipped: no Chromium found. To run them, ${advice}.\n`);
}

/** `describe.skipIf(!hasBrowser)` */
export const hasBrowser = browserPath !== undefined;

export function launchBrowser(): Promise<Browser> {
  if (browserPath === undefined) throw new Error('No Chromium found');
  return chromium.launch({
    executablePath: browserPath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Collects what a page complains of, failed requests apart: an outage is no fault of the page. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
