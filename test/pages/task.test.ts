import { describe, expect, test } from 'vitest';
import { renderTaskPage } from '../../src/api/pages/index.ts';
import type { TaskView } from '../../src/tasks/model/view.ts';
import { cancelled, event, failed, pageOf, queued, running, succeeded, taskId } from './views.ts';

describe('the task page', () => {
  test('offers to cancel an unfinished task, once', () => {
    const form = `<form method="post" action="/tasks/${taskId}/cancel">`;

    expect(renderTaskPage(pageOf(queued()))).toContain(`${form}<button>Cancel this task</button>`);
    expect(renderTaskPage(pageOf(running({ cancelRequested: true })))).toContain(
      '<button disabled>Cancelling…</button>',
    );
    expect(renderTaskPage(pageOf(succeeded()))).not.toContain('<form');
  });

  test.each([failed(), cancelled()])('offers to retry a task that has $status', (task) => {
    const page = renderTaskPage(pageOf(task));

    expect(page).toContain(`<form method="post" action="/tasks/${taskId}/retry">`);
    expect(page).toContain('<button name="from" value="checkpoint">Try again</button>');
    expect(page).toContain('<button name="from" value="start">Try again from the start</button>');
  });

  test('shows neither rate nor time left of work that stands still', () => {
    const textsOf = (task: TaskView) =>
      renderTaskPage(pageOf(task)).match(/(?<=data-live="(?:time|rate)">)[^<]*/g);
    const progressedAt = '2026-03-01T12:00:15.000Z';

    expect(textsOf(running())).toEqual(['a few seconds left', '8,200 rows a second']);
    expect(textsOf(running({ progressedAt }))).toEqual(['', '']);
    expect(textsOf(running({ progressedAt, ratePerSecond: 0.1, etaSeconds: 100 }))).toEqual([
      'about 2 minutes left',
      '6 rows a minute',
    ]);
  });

  test('says that another try would not help only where an error says why', () => {
    const error = { code: 'no_header', message: 'The file has no header.' };

    expect(renderTaskPage(pageOf(failed({ failures: 1, error })))).toContain('that would not help');
    expect(renderTaskPage(pageOf(failed({ failures: 1, error: null })))).not.toContain('not help');
    expect(renderTaskPage(pageOf(failed({ failures: 3, error })))).not.toContain('not help');
  });

  test.each([
    ['x'.repeat(1_000_000)],
    [{ report: 'x'.repeat(1_000_000) }],
    [{ lines: ['x'.repeat(1_000_000)] }],
  ])('cuts what is long in a result: %#', (result) => {
    const page = renderTaskPage(pageOf(succeeded({ result })));

    expect(page.length).toBeLessThan(40_000);
    expect(page).toContain('… cut here');
  });

  test('has no null in a result', () => {
    const page = renderTaskPage(pageOf(succeeded({ result: { pages: 1e15, remark: null } })));

    expect(page).toContain('<dt>pages</dt><dd>1,000,000,000,000,000</dd>');
    expect(page).toContain('<dt>remark</dt><dd>none</dd>');
  });

  test('sums up an import and lists the rejected lines', () => {
    const page = renderTaskPage(pageOf(succeeded(), { resultLink: '/datasets/1' }));

    expect(page).toContain('<dd>49,998 rows</dd>');
    expect(page).toContain('<a class="button primary" href="/datasets/1">Open the dataset</a>');
    expect(page).toContain('<th scope="row">4711</th><td>no closing quote</td>');
  });

  test.each([[null], [[1, 2]], ['text'], [{}], [{ pages: 12, nested: { a: [1] } }], [{ imported: 1 }]])(
    'shows any other result: %j',
    (result) => {
      expect(renderTaskPage(pageOf(succeeded({ result })))).toContain('Finished');
    },
  );

  test('puts the message of an error before its code', () => {
    const page = renderTaskPage(pageOf(failed()));

    expect(page.indexOf('it looks like a ZIP archive')).toBeLessThan(page.indexOf('file_not_text'));
  });

  test('shows the history newest first, and words even for kinds of events that it does not know', () => {
    const history = [
      event('submitted', 0),
      event('tea_was_made', 1, { message: 'Earl Grey' }),
      event('log', 1, { text: 'a line' }),
    ];
    const page = renderTaskPage(pageOf(running(), { history }));

    expect(page).toContain('Tea was made (Earl Grey)');
    expect(page.indexOf('a line')).toBeLessThan(page.indexOf('Submitted</span>'));
  });

  test.each([
    [null],
    ['text'],
    [7],
    [[]],
    [{ message: 7, nextAttemptAt: {}, failures: 'x' }],
    [{ nextAttemptAt: 'soon' }],
  ])('bears details of any shape: %j', (detail) => {
    const kinds = ['retrying', 'worker_lost', 'failed', 'log', 'other'];
    const page = renderTaskPage(pageOf(running(), { history: kinds.map((kind) => event(kind, 1, detail)) }));

    expect(page).not.toMatch(/undefined|\[object|Invalid/);
  });

  test('folds the older part of a long history away', () => {
    const history = Array.from({ length: 200 }, (_, index) =>
      event('log', 1, { text: `line ${index}` }, index),
    );

    expect(renderTaskPage(pageOf(running(), { history }))).toContain(
      '<summary>175 earlier entries</summary>',
    );
  });

  test('stays readable with numbers that nobody expected', () => {
    const page = renderTaskPage(
      pageOf(
        running({
          done: Number.MAX_VALUE,
          total: 1e300,
          ratePerSecond: 1e-9,
          etaSeconds: 1e20,
          percentDone: 1e9,
        }),
      ),
    );

    expect(page).toContain('1.8e+308 rows');
    expect(page).toContain('more than 99 days left');
    expect(page).toContain('99 %');
  });
});
