/** What axe finds wrong with a page. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Leaves out what is right: describing it would be half of axe's work. */
const resultTypes = ['violations' as const];

/** Checks the page in light, the colours in dark too, and whether it is wider than a phone of 320 pixels. */
export async function faultsOf(page: Page): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'light' });
  // Without this, axe opens another tab for the result, which pages without frames do not need.
  const light = await new AxeBuilder({ page }).setLegacyMode().options({ resultTypes }).analyze();
  await page.emulateMedia({ colorScheme: 'dark' });
  // The run before has put axe into the page.
  const dark = (await page.evaluate(
    `axe.run({ runOnly: ['color-contrast'], resultTypes: ${JSON.stringify(resultTypes)} })`,
  )) as { violations: Violation[] };
  const violations: Violation[] = [...light.violations, ...dark.violations];
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  const width = await page.evaluate('document.documentElement.scrollWidth');
  return width === 320 ? found : [...found, `${width} pixels wide`];
}
