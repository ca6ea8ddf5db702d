import { describe, expect, test } from 'vitest';
import {
  renderGroupPage,
  renderHome,
  renderListPage,
  renderProblemPage,
  renderSignIn,
  renderTaskPage,
} from '../../src/api/pages/index.ts';
import { renderDatasetPage } from '../../src/jobs/csv-import/dataset-page.ts';
import { renderForm } from '../../src/jobs/csv-import/form.ts';
import { cancelled, event, failed, now, pageOf, queued, running, succeeded, taskId } from './views.ts';

const hostile = `<script>alert("1")</script><img src=x onerror='alert(2)'>`;
const noRefresh = '<meta http-equiv="refresh"';

const states = {
  queued: queued(),
  running: running(),
  succeeded: succeeded(),
  failed: failed(),
  cancelled: cancelled(),
};
const allPages = {
  ...Object.fromEntries(
    Object.entries(states).map(([status, task]) => [status, renderTaskPage(pageOf(task))]),
  ),
  home: renderHome({
    recent: Object.values(states),
    forms: [renderForm({ maxUploadBytes: 100e6 })],
    types: ['csv-import'],
    open: true,
  }),
  list: renderListPage({
    tasks: Object.values(states),
    filter: {},
    types: ['csv-import'],
    next: '/tasks?cursor=a',
    newest: '/tasks',
  }),
  group: renderGroupPage({ group: 'order 1', tasks: Object.values(states), all: '/tasks?group=order%201' }),
  'empty group': renderGroupPage({ group: 'order 1', tasks: [], all: undefined }),
  dataset: renderDatasetPage({
    id: taskId,
    name: 'people',
    columns: ['a'],
    rowCount: 1,
    updatedAt: now,
    rows: [{ a: '1' }],
  }),
  problem: renderProblemPage({ type: '/problems/x', title: 'No', status: 400, detail: 'Not so.' }),
  'sign-in': renderSignIn({ next: '/', failed: false, isUndone: false }),
};

describe.each(Object.entries(allPages))('the page %s', (_name, page) => {
  test('is a whole document', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toMatch(/<\/html>\n$/);
  });

  test('has no script or style that its Content-Security-Policy would refuse', () => {
    expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/i);
    expect(page.match(/<script[^>]*>[^<]*/g)).toEqual([
      expect.stringMatching(/^<script type="module" src="\/assets\/[a-z]+\.js">$/),
    ]);
  });

  test('holds nothing that was never given a value', () => {
    expect(page).not.toMatch(/undefined|null|NaN|\[object/);
  });
});

describe('text that people have written', () => {
  test('is shown as text on the task page, wherever it comes from', () => {
    const history = [
      'submitted',
      'retrying',
      'handed_back',
      'worker_lost',
      'failed',
      'cancelled',
      'succeeded',
      'requeued',
      'log',
      hostile,
    ].map((kind) =>
      event(kind, 1, {
        message: hostile,
        code: hostile,
        text: hostile,
        nextAttemptAt: hostile,
      }),
    );
    const texts = { title: hostile, group: hostile, type: hostile, message: hostile, unit: hostile };
    const error = { code: hostile, message: hostile };
    const pages = [
      renderTaskPage(pageOf(running(texts), { history })),
      renderTaskPage(pageOf(queued({ ...texts, error, failures: 1, attempt: 1 }), { history })),
      renderTaskPage(pageOf(failed({ ...texts, error }), { history })),
      renderTaskPage(
        pageOf(succeeded({ ...texts, result: { [hostile]: hostile, more: [hostile] } }), { history }),
      ),
      renderTaskPage(
        pageOf(
          succeeded({
            result: {
              imported: 1,
              rejected: 1,
              columns: [],
              rejectedLines: [{ line: hostile, reason: hostile }],
            },
          }),
        ),
      ),
    ];

    for (const page of pages) expect(page).not.toMatch(/<script>|<img src=x/);
  });

  test('is shown as text on the other pages', () => {
    const pages = [
      renderListPage({
        tasks: [running({ title: hostile })],
        filter: { type: hostile, group: hostile },
        types: [hostile],
        next: `/tasks?group=${hostile}`,
        newest: `/tasks?group=${hostile}`,
      }),
      renderGroupPage({
        group: hostile,
        tasks: [running({ title: hostile })],
        all: `/tasks?group=${hostile}`,
      }),
      renderHome({ recent: [running({ title: hostile })], forms: [], types: [hostile], open: false }),
      renderDatasetPage({
        id: hostile,
        name: hostile,
        columns: [hostile],
        rowCount: 1,
        updatedAt: now,
        rows: [{ [hostile]: hostile }],
      }),
      renderProblemPage({
        type: hostile,
        title: hostile,
        status: 400,
        detail: hostile,
        errors: [{ path: hostile, message: hostile }],
      }),
      renderSignIn({ next: `/${hostile}`, failed: true, isUndone: true }),
    ];

    for (const page of pages) expect(page).not.toMatch(/<script>|<img src=x/);
  });

  test('runs in the direction of its own script', () => {
    const history = [event('log', 1, { text: 'سطر' })];
    const page = renderTaskPage(pageOf(running({ title: 'استيراد', message: 'جار' }), { history }));
    const error = { code: 'x', message: 'فشل' };

    expect(page).toContain('<h1 dir="auto">استيراد</h1>');
    expect(page).toContain('<p class="message" dir="auto" data-live="message">جار</p>');
    expect(page).toContain('<span class="log" dir="auto">سطر</span>');
    expect(renderTaskPage(pageOf(failed({ error })))).toContain('<p class="words" dir="auto">فشل</p>');
    expect(allPages.list).toContain('<a class="name" dir="auto" href');
  });
});

describe('a page without JavaScript', () => {
  test.each(['queued', 'running'] as const)('loads itself again while the task is %s', (status) => {
    expect(renderTaskPage(pageOf(states[status]))).toContain(
      '<noscript><meta http-equiv="refresh" content="2"></noscript>',
    );
  });

  test.each(['succeeded', 'failed', 'cancelled'] as const)(
    'does not load itself again once the task has %s',
    (status) => {
      expect(renderTaskPage(pageOf(states[status]))).not.toContain(noRefresh);
    },
  );
});

describe('the page of a problem', () => {
  const problem = { type: '/problems/unavailable', title: 'Not now', status: 503, detail: 'Wait.' };

  test('loads itself again if that may help, with and without JavaScript', () => {
    const page = renderProblemPage(problem, { retryAfterSeconds: 5 });

    expect(page).toContain('\n<meta http-equiv="refresh" content="5">\n');
    expect(page).toContain('<a class="button primary" href="">Try again</a>');
  });

  test('does not load itself again otherwise', () => {
    const page = renderProblemPage(problem);

    expect(page).not.toContain(noRefresh);
    expect(page).not.toContain('Try again');
  });
});

describe('the start page', () => {
  test('has forms that work without a script, and says the limit', () => {
    const page = renderHome({
      recent: [],
      forms: [renderForm({ maxUploadBytes: 100e6 })],
      types: ['csv-import'],
      open: true,
    });

    expect(page).toContain('<form method="post" action="/tasks/csv-import" enctype="multipart/form-data"');
    expect(page).toContain('name="file"');
    expect(page).toContain('name="sample" value="1"');
    expect(page).toContain('Up to 100 MB');
    expect(page).toContain('Nothing yet.');
  });

  test('has no import form if the service runs no imports', () => {
    expect(renderHome({ recent: [], forms: [], types: ['report'], open: false })).not.toContain(
      'type="file"',
    );
  });
});

describe('the dataset page', () => {
  test('has a cell for each column, also for names that objects inherit', () => {
    const page = renderDatasetPage({
      id: taskId,
      name: 'odd',
      columns: ['constructor', 'toString', 'a'],
      rowCount: 3,
      updatedAt: now,
      rows: [{ a: '1' }],
    });

    expect(page).toContain('<tr><th scope="row">1</th><td></td><td></td><td>1</td></tr>');
    expect(page).toContain('The first 1 rows');
  });
});

describe('a list', () => {
  const view = { tasks: [running()], filter: {}, types: ['csv-import'], next: undefined, newest: undefined };

  test('shows in its form the filters that were asked for, also a job that is gone', () => {
    const page = renderListPage({
      ...view,
      filter: { status: 'failed', type: 'old-report', group: 'a "b"' },
    });

    expect(page).toContain('<option value="failed" selected>');
    expect(page).toContain('<option value="old-report" selected>');
    expect(page).toMatch(/name="group"[^>]* value="a &#34;b&#34;"/);
    expect(page).toContain('href="/groups/a%20%22b%22"');
  });

  test.each([
    [{}, 'Nothing yet. The first task will appear here.'],
    [{ filter: { status: 'failed' as const } }, 'No tasks like that.'],
    [{ newest: '/tasks' }, 'No older tasks.'],
  ])('without tasks says why: %j', (changes, words) => {
    expect(renderListPage({ ...view, tasks: [], ...changes })).toContain(words);
  });

  test('leads to older tasks and back only where there are any', () => {
    const only = renderListPage(view);
    const middle = renderListPage({ ...view, next: '/tasks?cursor=a', newest: '/tasks' });

    expect(only).not.toContain('Older tasks');
    expect(only).not.toContain('Newest tasks');
    expect(middle).toContain('rel="next">Older tasks</a>');
    expect(middle).toContain('<a href="/tasks">Newest tasks</a>');
  });
});
