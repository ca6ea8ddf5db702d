/** Where the Chromium of the browser tests is. Apart from `browser.ts`, as each run asks and few runs load Playwright. */
import { accessSync, constants } from 'node:fs';

const candidates = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Its program; undefined where there is none. */
export const chromiumPath = candidates.find((path) => path !== undefined && isExecutable(path));

export const chromiumAdvice =
  'install Chromium (Debian: apt-get install chromium) or set CHROMIUM_PATH to its program';

/** For the beginning of a run: where no Chromium is, one line says so, or an error, if HEADWAY_REQUIRE_BROWSER is 1. */
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
