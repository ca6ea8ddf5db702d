import { expect, test } from 'vitest';
import { describeGroup, hasUnfinished } from '../../public/group-words.js';
import type { TaskView } from '../../src/tasks/model/view.ts';
import { cancelled, failed, queued, running, succeeded } from './views.ts';

const group = 'order 4711';
const links = {};

test('a group says how many of its tasks have finished', () => {
  const words = describeGroup({ group, links, tasks: [queued(), running(), succeeded(), succeeded()] });

  expect(words.counts).toBe('2 of 4 finished');
  expect(words.documentTitle).toBe('2 of 4 finished · order 4711 · Headway');
});

test('tasks that failed or were cancelled are counted apart', () => {
  const tasks = [failed(), failed(), cancelled(), succeeded(), running()];

  expect(describeGroup({ group, links, tasks }).counts).toBe('1 of 5 finished · 2 failed · 1 cancelled');
});

test('a group with more tasks than are shown says so', () => {
  const tasks = Array.from({ length: 1000 }, () => succeeded());

  expect(describeGroup({ group, links: { all: '/tasks' }, tasks }).counts).toBe(
    '1,000 of the newest 1,000 finished',
  );
});

test('a group without tasks has its name only', () => {
  const words = describeGroup({ group, links, tasks: [] });

  expect([words.counts, words.documentTitle]).toEqual(['', 'order 4711 · Headway']);
});

test('the end of the last task and each failure are news, and nothing else is', () => {
  const newsOf = (...tasks: TaskView[]) => describeGroup({ group, links, tasks }).news;

  expect(newsOf(running(), succeeded())).toBe(newsOf(running(), queued()));
  expect(newsOf(running(), failed())).not.toBe(newsOf(running(), succeeded()));
  expect(newsOf(succeeded(), succeeded())).not.toBe(newsOf(running(), succeeded()));
});

test('a group is unfinished as long as one of its tasks is', () => {
  expect(hasUnfinished([succeeded(), queued()])).toBe(true);
  expect(hasUnfinished([succeeded(), failed(), cancelled()])).toBe(false);
});
