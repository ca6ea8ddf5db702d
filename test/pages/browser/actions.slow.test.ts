/** The buttons of a task's page. */
import { describe, expect, test } from 'vitest';
import { hasBrowser } from '../../support/browser.ts';
import { failed, pageOf, running, succeeded } from '../views.ts';
import { openTab } from './tab.ts';

describe.skipIf(!hasBrowser)("the buttons of a task's page", () => {
  test('do not touch on a small phone', async (context) => {
    const { server, page } = await openTab(context, { viewport: { width: 320, height: 600 } });
    server.show(pageOf(failed()));
    await page.goto(server.taskUrl);

    const first = await page.getByRole('button', { name: 'Try again', exact: true }).boundingBox();
    const second = await page.getByRole('button', { name: 'Try again from the start' }).boundingBox();

    expect((second?.y ?? 0) - (first?.y ?? 0) - (first?.height ?? 0)).toBeGreaterThanOrEqual(8);
  });

  test('give the focus to the status when they disappear', async (context) => {
    const { server, page } = await openTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await page.getByRole('button', { name: 'Cancel this task' }).focus();

    server.show(pageOf(succeeded()));
    await page.getByRole('heading', { name: 'Result' }).waitFor();

    expect(await page.evaluate('document.activeElement.textContent')).toContain('Finished');
  });

  test('keep the focus when they are rendered again', async (context) => {
    const { server, page } = await openTab(context);
    server.show(pageOf(running()));
    await page.goto(server.taskUrl);
    await page.getByRole('button', { name: 'Cancel this task' }).focus();

    const links = { ...running().links, cancel: '/elsewhere' };
    server.show(pageOf(running({ attempt: 2, links })));
    await page.locator('form[action="/elsewhere"]').waitFor();

    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel this task');
  });
});
