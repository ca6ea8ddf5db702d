import { describe, expect, test } from 'vitest';
import { describeTask, isOlder, stateKey } from '../../public/task-words.js';
import { cancelled, failed, queued, running, succeeded } from './views.ts';

describe('what is said of a task', () => {
  test('a running task says how far it is, how fast, and how long it still takes', () => {
    const words = describeTask(running({ message: 'Checking totals' }));

    expect(words.bar).toBe(24.6);
    expect(words.documentTitle).toBe('24 % · Import people.csv');
    expect(words.texts).toEqual({
      status: 'Running',
      try: '',
      percent: '24 %',
      time: 'a few seconds left',
      done: '12,300 of 50,000 rows',
      rate: '8,200 rows a second',
      message: 'Checking totals',
    });
  });

  test('the state is said in words that a person uses', () => {
    const tasks = [
      queued(),
      queued({ attempt: 1 }),
      queued({ attempt: 1, failures: 1 }),
      running(),
      running({ cancelRequested: true }),
      succeeded(),
      failed(),
      cancelled(),
    ];

    expect(tasks.map((task) => describeTask(task).texts.status)).toEqual([
      'Waiting to start',
      'Waiting to go on',
      'Waiting to try again',
      'Running',
      'Cancelling…',
      'Finished',
      'Failed',
      'Cancelled',
    ]);
  });

  test('without a total the bar has no value and the amount stands alone', () => {
    const words = describeTask(running({ total: null, percentDone: 0, etaSeconds: null }));

    expect(words.bar).toBeNull();
    expect(words.texts.percent).toBe('Working…');
    expect(words.texts.done).toBe('12,300 rows so far');
    expect(words.documentTitle).toBe('Running · Import people.csv');
  });

  test('a percentage without a total is shown', () => {
    const words = describeTask(running({ total: null, done: null, percentDone: 40 }));

    expect([words.bar, words.texts.percent, words.texts.done]).toEqual([40, '40 %', '']);
  });

  test('more than the total is said to be more than expected', () => {
    const words = describeTask(running({ done: 12_000, total: 10_000, percentDone: 99.9 }));

    expect(words.texts.done).toBe('12,000 rows, where 10,000 rows were expected');
    expect(words.texts.percent).toBe('99 %');
  });

  test('an unfinished task never reads 100 %', () => {
    expect(describeTask(running({ percentDone: 99.99 })).texts.percent).toBe('99 %');
  });

  test('a total of 0 that is done is shown as it is', () => {
    expect(describeTask(succeeded({ done: 0, total: 0 })).texts.done).toBe('0 of 0 rows');
  });

  test('the try is said only when a task has failed once and may be tried again', () => {
    const tries = [
      running({ attempt: 4, failures: 0 }),
      running({ failures: 1 }),
      succeeded({ failures: 2 }),
      failed({ failures: 1 }),
      failed({ failures: 3 }),
      failed({ failures: 1, maxAttempts: 1 }),
    ].map((task) => describeTask(task).texts.try);

    expect(tries).toEqual(['', 'try 2 of 3', 'try 3 of 3', 'try 1 of 3', 'try 3 of 3', '']);
  });

  test('a finished task says how long it took', () => {
    expect(describeTask(succeeded()).texts.time).toBe('took 1 min 12 s');
  });
});

describe('which of two states is older', () => {
  test('within an attempt the lower percentage', () => {
    expect(isOlder(running({ percentDone: 10 }), running({ percentDone: 20 }))).toBe(true);
    expect(isOlder(running({ percentDone: 20 }), running({ percentDone: 10 }))).toBe(false);
  });

  test('a new attempt is newer, also at a lower percentage', () => {
    expect(isOlder(running({ attempt: 2, percentDone: 0 }), running({ attempt: 1 }))).toBe(false);
    expect(isOlder(running({ attempt: 1 }), running({ attempt: 2, percentDone: 0 }))).toBe(true);
  });

  test('an attempt that has ended does not run again', () => {
    expect(isOlder(running({ attempt: 1 }), queued({ attempt: 1 }))).toBe(true);
    expect(isOlder(running({ attempt: 3 }), failed({ attempt: 3 }))).toBe(true);
  });

  test("a person's retry is newer than the end before it", () => {
    expect(isOlder(queued({ attempt: 3 }), failed({ attempt: 3 }))).toBe(false);
  });
});

test('the state key stays the same with progress, and changes with the end of an attempt', () => {
  expect(stateKey(running({ percentDone: 30, message: 'on' }))).toBe(stateKey(running()));
  expect(stateKey(queued({ attempt: 1 }))).not.toBe(stateKey(running()));
});
