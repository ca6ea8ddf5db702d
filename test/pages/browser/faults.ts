/** What axe finds wrong with a page. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Half of axe's work would be to describe what is right. */
const resultTypes = ['violations' as const];

/** In light and, as far as colours go, in dark; and whether it is wider than a phone of 320 pixels. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'light' });
  // Pages without frames need no further tab for the result.
  const light = await new AxeBuilder({ page }).setLegacyMode().options({ resultTypes }).analyze();
  await page.emulateMedia({ colorScheme: 'dark' });
  // It is in the page since.
  const dark = (await page.evaluate(
    `axe.run({ runOnly: ['color-contrast'], resultTypes: ${JSON.stringify(resultTypes)} })`,
  )) as { violations: Violation[] };
  const violations: Violation[] = [...light.violations, ...dark.violations];
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  const width = await page.evaluate('document.documentElement.scrollWidth');
  return width === 320 ? found : [...found, `${width} pixels wide`];
}
