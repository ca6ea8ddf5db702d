/** The notices on the page of an unfinished task, and its history. */
import { describe, expect, test } from 'vitest';
import { renderTaskPage } from '../../src/api/pages/index.ts';
import type { TaskView } from '../../src/tasks/model/view.ts';
import { event, failed, now, pageOf, queued, running, succeeded } from './views.ts';

const workerOf = (heardAt: string, leaseExpiresAt: Date) => ({ heardAt: new Date(heardAt), leaseExpiresAt });

test('says the place in the queue', () => {
  expect(renderTaskPage(pageOf(queued(), { place: 1 }))).toContain('Next in the queue');
  expect(renderTaskPage(pageOf(queued(), { place: 1200 }))).toContain('Number 1,200 in the queue');
});

test('says what failed and when the next try is', () => {
  const page = renderTaskPage(
    pageOf(
      queued({
        attempt: 1,
        failures: 1,
        nextAttemptAt: '2026-03-01T12:00:40.000Z',
        error: { code: 'read_failed', message: 'The file could not be read.' },
      }),
      {
        history: [
          event('submitted', 0),
          event('started', 1),
          event('retrying', 1, { failures: 1, maxAttempts: 3 }),
        ],
      },
    ),
  );

  expect(page).toContain('Try 1 of 3 failed: <bdi>The file could not be read.</bdi>');
  expect(page).toContain('Next try: <time datetime="2026-03-01T12:00:40.000Z">');
});

test('says that the worker died until the task has ended', () => {
  const history = [event('submitted', 0), event('started', 1), event('worker_lost', 1), event('started', 2)];
  const words = 'The worker that ran this task died; the task goes on from where it was saved.';

  expect(renderTaskPage(pageOf(queued({ attempt: 1 }), { history }))).toContain(words);
  expect(renderTaskPage(pageOf(running({ attempt: 2 }), { history }))).toContain(words);
  expect(renderTaskPage(pageOf(succeeded({ attempt: 2 }), { history }))).not.toContain(words);
});

test('says so, too, if the loss counted as a failed try, with the time of the next try', () => {
  const task = queued({ attempt: 1, failures: 1, nextAttemptAt: '2026-03-01T12:00:40.000Z' });
  const page = renderTaskPage(pageOf(task, { history: [event('started', 1), event('worker_lost', 1)] }));

  expect(page).toContain('The worker that ran this task died');
  expect(page).toContain('Next try: <time datetime="2026-03-01T12:00:40.000Z">');
  expect(page).not.toContain('Try 1 of 3 failed');
});

test('does not say that a lost task goes on where it has failed', () => {
  const lost = { code: 'worker_lost', message: 'The worker that ran the task was lost (SIGKILL)' };
  const history = [event('started', 3), event('worker_lost', 3, lost), event('failed', 3, lost)];

  const page = renderTaskPage(pageOf(failed(), { history }));

  expect(page).toContain('The worker that ran the task was lost (SIGKILL)</span>');
  expect(page).not.toContain('goes on from where it was saved');
});

test('says that a task that was handed back goes on', () => {
  const history = [event('started', 1), event('handed_back', 1)];

  expect(renderTaskPage(pageOf(queued({ attempt: 1 }), { history }))).toContain('Nothing is lost');
  expect(renderTaskPage(pageOf(running({ attempt: 2 }), { history }))).not.toContain('Nothing is lost');
});

test('does not blame an old loss for a later failure', () => {
  const history = [event('worker_lost', 1), event('started', 2), event('retrying', 2)];

  expect(renderTaskPage(pageOf(queued({ attempt: 2, failures: 1 }), { history }))).not.toContain(
    'The worker that ran this task died',
  );
});

describe('a task that makes no progress', () => {
  const progressedAt = '2026-03-01T11:56:27.000Z';
  const since = 'No progress since <time datetime="2026-03-01T11:56:27.000Z">';
  const heard = workerOf('2026-03-01T12:00:28.000Z', now);
  const still = (changes: Partial<TaskView> = {}) =>
    running({ progressedAt, updatedAt: progressedAt, ...changes });

  test('says since when, how long that is, and what it usually means', () => {
    const page = renderTaskPage(pageOf(still(), { worker: heard }));

    expect(page).toContain(since);
    expect(page).toContain('</time> (4 min 3 s). The job is probably waiting for something');
    expect(page).toContain('Its worker is alive: it was heard from 2 s ago.');
  });

  test('does not call the worker alive where it is silent or unknown', () => {
    const silent = workerOf('2026-03-01T11:56:30.000Z', now);
    const pages = [silent, null].map((worker) => renderTaskPage(pageOf(still(), { worker })));

    expect(pages.map((page) => [page.includes(since), page.includes('alive')])).toEqual([
      [true, false],
      [true, false],
    ]);
    expect(pages[0]).toContain('The worker was last heard from at');
  });

  test.each([
    ['The job still reports', { updatedAt: '2026-03-01T12:00:29.000Z' }],
    ['All that the job counts is done', { done: 50_000, percentDone: 99.9 }],
  ])('is explained by what the task tells: %s', (words, changes) => {
    expect(renderTaskPage(pageOf(still(changes)))).toContain(words);
  });

  test.each([
    ['moves', still({ progressedAt: '2026-03-01T12:00:29.000Z' })],
    [
      'counts nothing',
      still({ done: null, total: null, percentDone: 0, ratePerSecond: null, etaSeconds: null }),
    ],
    ['is queued', queued({ progressedAt, attempt: 1 })],
    ['has finished', succeeded({ progressedAt })],
  ])('is not said of one that %s', (_name, task) => {
    expect(renderTaskPage(pageOf(task, { worker: heard }))).not.toContain('No progress');
  });
});

test('says when the worker was last heard from, if that is long ago', () => {
  const heard = (second: string) =>
    renderTaskPage(pageOf(running(), { worker: workerOf(`2026-03-01T12:00:${second}.000Z`, now) }));

  expect(heard('26')).not.toContain('last heard from');
  expect(heard('24')).toContain(
    'The worker was last heard from at <time datetime="2026-03-01T12:00:24.000Z">',
  );
});

test('says that another worker takes over only once the lease of a silent one has lapsed', () => {
  const silentUntil = (leaseExpiresAt: Date) =>
    renderTaskPage(pageOf(running(), { worker: workerOf('2026-03-01T12:00:10.000Z', leaseExpiresAt) }));
  const isBusy = 'The worker is busy and has not reported since.';
  const takesOver = 'If the worker stays silent, another one takes over.';

  const [live, lapsed] = [silentUntil(new Date(now.getTime() + 10_000)), silentUntil(now)];

  expect([live.includes(isBusy), live.includes(takesOver)]).toEqual([true, false]);
  expect([lapsed.includes(isBusy), lapsed.includes(takesOver)]).toEqual([false, true]);
});

test('says that a task goes on from where it was saved only if something was saved', () => {
  const saidOf = (kind: string) =>
    renderTaskPage(
      pageOf(queued({ attempt: 1 }), {
        hasCheckpoint: false,
        history: [event('started', 1), event(kind, 1)],
      }),
    );
  const [lost, handedBack] = [saidOf('worker_lost'), saidOf('handed_back')];

  expect(lost).toContain('The worker that ran this task died; the task starts again from the beginning.');
  expect(lost).toContain('The task starts again from the beginning');
  expect(handedBack).toContain(
    'The service was stopped while this task ran. The task starts again from the beginning.',
  );
  expect(handedBack).toContain('Handed back to the queue; the task starts again from the beginning');
  expect(lost + handedBack).not.toMatch(/saved|Nothing is lost/);
});

test.each([
  ['alone', 'had saved nothing in this try, so the try is spent'],
  ['repeated', 'From the tenth loss in a row on, each loss spends a try'],
  ['company', 'Other tasks ran in that worker, too, so no try is spent'],
  ['neighbour', 'Another task had blocked that worker, so no try is spent'],
  ['unseen', 'Nobody saw why (perhaps the service of that worker was lost, too), so no try is spent'],
  ['progressed', 'had saved progress in this try, so the try is not spent'],
])('says above and in the history what a loss was put down to: %s', (blame, words) => {
  const lost = event('worker_lost', 1, { message: 'The worker that ran the task was lost (SIGKILL)', blame });
  const page = renderTaskPage(pageOf(queued({ attempt: 1 }), { history: [event('started', 1), lost] }));

  expect(page.split(words)).toHaveLength(3);
});

test.each([undefined, 'another', 7, null])(
  'says no reason for a loss if it does not know the word: %s',
  (blame) => {
    const lost = event('worker_lost', 1, { message: 'The worker that ran the task was lost', blame });
    const page = renderTaskPage(pageOf(queued({ attempt: 1 }), { history: [event('started', 1), lost] }));

    expect(page).not.toContain('spent');
    expect(page).not.toContain('undefined');
  },
);

test.each(['worker_lost', 'handed_back'])(
  'says of a past attempt whether it had saved something, whatever was saved since: %s',
  (kind) => {
    const pageWith = (then: boolean, now: boolean) =>
      renderTaskPage(
        pageOf(running({ attempt: 2 }), {
          history: [event('started', 1), event(kind, 1, { hasCheckpoint: then }), event('retried', 1)],
          hasCheckpoint: now,
        }),
      );

    expect(pageWith(false, true)).toContain('ask starts again from the beginning');
    expect(pageWith(false, true)).not.toContain('goes on from where it was saved');
    expect(pageWith(true, false)).toContain('ask goes on from where it was saved');
    expect(pageWith(true, false)).not.toContain('starts again from the beginning');
  },
);
