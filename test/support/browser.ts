/**
 * A real browser for tests. Where none is installed, the tests that need one are skipped and say how to
 * run them; HEADWAY_REQUIRE_BROWSER=1 makes that a failure, for CI.
 */
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const candidates = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

export const browserPath = candidates.find((path) => path !== undefined && isExecutable(path));

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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
