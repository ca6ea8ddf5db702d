/** Checks every page with axe, in light and dark, and at the width of a small phone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  renderGroupPage,
  renderHome,
  renderListPage,
  renderProblemPage,
  renderSignIn,
  renderTaskPage,
} from '../../../src/api/pages/index.ts';
import { renderDatasetPage } from '../../../src/jobs/csv-import/dataset-page.ts';
import { renderForm } from '../../../src/jobs/csv-import/form.ts';
import { hasBrowser, openPage } from '../../support/browser.ts';
import { cancelled, event, failed, now, pageOf, queued, running, succeeded, taskId } from '../views.ts';
import { faultsOf } from './faults.ts';
import { PageServer } from './page-server.ts';

const longWord = 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(4);
const events = [
  'submitted',
  'started',
  'log',
  'retrying',
  'worker_lost',
  'handed_back',
  'failed',
  'succeeded',
];
const history = events.map((kind) =>
  event(kind, 1, { message: longWord, text: longWord, reason: 'exited', code: 'x' }),
);
const columns = ['name', 'city', 'e-mail', 'age', longWord];

const pages = {
  queued: renderTaskPage(pageOf(queued({ title: longWord }), { place: 3, history })),
  waiting: renderTaskPage(
    pageOf(queued({ attempt: 1, failures: 1, error: { code: 'read_failed', message: longWord } }), {
      history: [event('retrying', 1)],
    }),
  ),
  running: renderTaskPage(pageOf(running({ message: longWord, unit: longWord }), { history })),
  'running without a total': renderTaskPage(pageOf(running({ total: null, percentDone: 0 }))),
  silent: renderTaskPage(
    pageOf(running({ cancelRequested: true }), {
      worker: { heardAt: new Date(0), leaseExpiresAt: new Date(0) },
    }),
  ),
  'standing still': renderTaskPage(pageOf(running({ progressedAt: '2026-03-01T11:56:30.000Z' }))),
  succeeded: renderTaskPage(pageOf(succeeded(), { resultLink: '/datasets/1', history })),
  report: renderTaskPage(pageOf(succeeded({ result: { pages: 12, [longWord]: { a: [longWord] } } }))),
  failed: renderTaskPage(pageOf(failed({ error: { code: longWord, message: longWord } }), { history })),
  cancelled: renderTaskPage(pageOf(cancelled())),
  home: renderHome({
    recent: [queued({ title: longWord }), running(), succeeded(), failed(), cancelled()],
    forms: [renderForm({ maxUploadBytes: 100e6 })],
    types: ['csv-import'],
    open: true,
  }),
  list: renderListPage({
    tasks: [queued({ title: longWord }), running(), failed()],
    filter: { status: 'running', group: longWord },
    types: ['csv-import', longWord.slice(0, 63)],
    next: '/tasks?cursor=a',
    newest: '/tasks',
  }),
  'an empty list': renderListPage({
    tasks: [],
    filter: { type: 'csv-import' },
    types: ['csv-import'],
    next: undefined,
    newest: undefined,
  }),
  group: renderGroupPage({
    group: longWord,
    tasks: [queued({ title: longWord }), running({ total: null, percentDone: 0 }), succeeded(), failed()],
    all: '/tasks?group=x',
  }),
  'empty group': renderGroupPage({ group: 'order 1', tasks: [], all: undefined }),
  dataset: renderDatasetPage({
    id: taskId,
    name: longWord,
    columns,
    rowCount: 50_000,
    updatedAt: now,
    rows: [Object.fromEntries(columns.map((column) => [column, longWord]))],
  }),
  problem: renderProblemPage({
    type: '/problems/invalid',
    title: 'The request is not valid',
    status: 400,
    detail: longWord,
    errors: [{ path: 'input.file', message: longWord }],
  }),
  'sign-in': renderSignIn({ next: '/', failed: true, isUndone: true }),
};

describe.skipIf(!hasBrowser)('every page', () => {
  const server = new PageServer();

  beforeAll(async () => {
    await server.start();
    for (const [name, html] of Object.entries(pages)) server.pages.set(`/${encodeURIComponent(name)}`, html);
  });

  afterAll(() => server.stop());

  test('is accessible in light and dark, and no wider than a small phone', async (context) => {
    const page = await openPage(context, { viewport: { width: 320, height: 600 } });
    const faults: Record<string, string[]> = {};

    for (const name of Object.keys(pages)) {
      await page.goto(`${server.origin}/${encodeURIComponent(name)}`);
      for (const summary of await page.locator('summary').all()) await summary.click();
      faults[name] = await faultsOf(page);
    }

    expect(faults).toEqual(Object.fromEntries(Object.keys(pages).map((name) => [name, []])));
  });
});
