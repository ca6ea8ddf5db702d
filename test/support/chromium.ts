/**
 * Finds the Chromium of the browser tests. This file is separate from `browser.ts` because each run needs it,
 * but few runs need Playwright.
 */
import { accessSync, constants } from 'node:fs';

const candidates = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** The path of Chromium's program; undefined if there is none. */
export const chromiumPath = candidates.find((path) => path !== undefined && isExecutable(path));

export const chromiumAdvice =
  'install Chromium (Debian: apt-get install chromium) or set CHROMIUM_PATH to its program';

/** Called when a run begins. Without Chromium, prints one line; with HEADWAY_REQUIRE_BROWSER=1, throws. */
export function reportMissingChromium(): void {
  if (chromiumPath !== undefined) return;
  if (process.env.HEADWAY_REQUIRE_BROWSER === '1') throw new Error(`No browser: ${chromiumAdvice}.`);
  process.stderr.write(
    `No Chromium found: the browser tests of npm run test:all are skipped. To run them, ${chromiumAdvice}.\n`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
