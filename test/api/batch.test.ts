/** POST /tasks/batch: many tasks in one request. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postJson, problemOf, startApi, type TestApi, taskOf } from '../support/api.ts';
import { liveEntries } from '../support/queue-entries.ts';
import type { TaskBody } from '../support/task-states.ts';
import { clear } from '../support/tasks.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
beforeEach(() => clear(api.store));
afterAll(() => api.close());

interface BatchBody {
  readonly tasks: readonly { outcome: string; location: string; task: TaskBody }[];
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  postJson(`${api.url}/tasks/batch`, body, headers);
const postTasks = (...tasks: unknown[]) => post({ tasks });
const bodyOf = async (response: Response) => (await response.json()) as BatchBody;
const noop = (fields: object = {}) => ({ type: 'noop', ...fields });
const stored = () => api.store.db.prisma.taskState.count();

describe('a batch', () => {
  it('creates its tasks: 202 with each task and where it is, in the order of the request', async () => {
    const response = await postTasks(
      noop({ title: 'b', key: 'z', group: 'g' }),
      noop({ title: 'a', key: 'a', input: { n: 1 } }),
      { type: 'parses', input: { name: 'Ada' } },
    );

    expect(response.status).toBe(202);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { tasks } = await bodyOf(response);
    expect(tasks.map(({ outcome, task }) => `${outcome} ${task.title}`)).toEqual([
      'created b',
      'created a',
      'created Parsed unit: string rows, name: string Ada',
    ]);
    for (const { location, task } of tasks) {
      expect(location).toBe(`/tasks/${task.id}`);
      expect(await taskOf(await fetch(api.url + location))).toEqual(task);
    }
    expect(await liveEntries(api.store)).toHaveLength(3);
  });

  it('tells of each task what its own submit would have told', async () => {
    const single = await taskOf(await postJson(`${api.url}/tasks`, noop({ key: 'k', title: 'Same' })));

    const { tasks } = await bodyOf(await postTasks(noop({ key: 'k', title: 'Other' })));

    expect(tasks).toEqual([{ outcome: 'existing', location: `/tasks/${single.id}`, task: single }]);
  });

  it('again with the same keys is 200 with the same tasks, and creates none', async () => {
    const tasks = [noop({ key: '1' }), noop({ key: '2', input: { a: 1, b: 2 } })];
    const first = await bodyOf(await postTasks(...tasks));

    const second = await postTasks(noop({ key: '1' }), noop({ key: '2', input: { b: 2.0, a: 1 } }));

    expect(second.status).toBe(200);
    expect((await bodyOf(second)).tasks).toEqual(
      first.tasks.map((each) => ({ ...each, outcome: 'existing' })),
    );
    expect(await stored()).toBe(2);
  });

  it('is 202 where it creates only some of its tasks', async () => {
    await postTasks(noop({ key: '1' }));

    const response = await postTasks(noop({ key: '1' }), noop({ key: '2' }), noop({ key: '2' }));

    expect(response.status).toBe(202);
    const { tasks } = await bodyOf(response);
    expect(tasks.map(({ outcome }) => outcome)).toEqual(['existing', 'created', 'existing']);
    expect(tasks[2]?.task).toEqual(tasks[1]?.task);
  });

  it('lets its tasks join their group at once', async () => {
    await fetch(`${api.url}/groups/team`, { headers: { accept: 'application/json' } });

    await postTasks(noop({ group: 'team' }), noop({ group: 'team' }));

    const group = await fetch(`${api.url}/groups/team`, { headers: { accept: 'application/json' } });
    expect(((await group.json()) as { tasks: unknown[] }).tasks).toHaveLength(2);
  });

  it('may have 1,000 tasks, and 4 MB', async () => {
    const response = await post({
      tasks: Array.from({ length: 1_000 }, (_, index) =>
        noop({ key: `${index}`, input: { text: 'x'.repeat(4_000) } }),
      ),
    });

    expect(response.status).toBe(202);
    expect(await stored()).toBe(1_000);
  });
});

describe('a batch with faults', () => {
  it('is refused whole, and names the task and the field of each', async () => {
    const response = await postTasks(
      noop(),
      { type: 'no-such-job' },
      { type: 'counts', input: { names: 'three', stepMs: 1, rows: 2 } },
      { type: 'noop', key: ' ', colour: 'red' },
      { type: 'csv-import', input: {} },
      'noop',
      { type: 'parses', input: { name: 'nobody' } },
    );

    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.type).toBe('/problems/invalid-input');
    expect(problem.errors?.map(({ path }) => path)).toEqual([
      'tasks[1].type',
      'tasks[2].input.names',
      'tasks[2].input.rows',
      'tasks[3].key',
      'tasks[3].colour',
      'tasks[4].input.file',
      'tasks[5]',
      'tasks[6].input.name',
    ]);
    expect(problem.errors?.[0]?.message).toContain('The job types are:');
    expect(await stored()).toBe(0);
  });

  it.each([
    ['no tasks', { tasks: [] }, 'tasks'],
    ['tasks that are no list', { tasks: noop() }, 'tasks'],
    ['more than 1,000', { tasks: Array(1_001).fill(noop()) }, 'tasks'],
    ['a field beside its tasks', { tasks: [noop()], key: 'k' }, 'key'],
    ['a list instead of an object', [noop()], ''],
  ])('is refused with %s', async (_what, body, path) => {
    const response = await post(body);

    expect(response.status).toBe(400);
    expect((await problemOf(response)).errors?.map((error) => error.path)).toEqual([path]);
    expect(await stored()).toBe(0);
  });

  it('without a body, or over 4 MB, is refused', async () => {
    const empty = await fetch(`${api.url}/tasks/batch`, { method: 'POST' });
    const large = await postTasks(noop({ input: 'x'.repeat(4 * 1024 * 1024) }));

    expect(await problemOf(empty)).toMatchObject({ status: 400 });
    expect(await problemOf(large)).toMatchObject({ status: 413 });
  });

  it('with an Idempotency-Key is refused, as a key is one task’s', async () => {
    const response = await post({ tasks: [noop()] }, { 'idempotency-key': 'k' });

    expect((await problemOf(response)).errors?.map(({ path }) => path)).toEqual(['Idempotency-Key']);
    expect(await stored()).toBe(0);
  });

  it('where the code of a job throws is a fault of the job', async () => {
    const response = await postTasks(noop(), { type: 'parses', input: { says: 'throw' } });

    expect(response.status).toBe(500);
    expect((await problemOf(response)).type).toBe('/problems/job-fault');
    expect(await stored()).toBe(0);
  });
});

describe('a batch with keys that others have', () => {
  it('is 409 for other input, names each task in the way, and writes nothing', async () => {
    const { id } = await taskOf(await postJson(`${api.url}/tasks`, noop({ key: 'k' })));

    const response = await postTasks(noop(), noop({ key: 'k', input: 2 }), noop({ key: 'k', input: 3 }));

    expect(response.status).toBe(409);
    const problem = await problemOf(response);
    expect(problem.type).toBe('/problems/key-conflict');
    expect(problem.detail).toContain('tasks[1].key, tasks[2].key');
    expect(problem.errors).toEqual(
      [1, 2].map((index) => ({
        path: `tasks[${index}].key`,
        message: 'belongs to a task with other input',
        existingTask: `/tasks/${id}`,
      })),
    );
    expect(await stored()).toBe(1);
  });

  it('is 409 for two inputs with one key, and names the other place', async () => {
    const response = await postTasks(noop({ key: 'k', input: 1 }), noop({ key: 'k', input: 2 }));

    expect(response.status).toBe(409);
    expect((await problemOf(response)).errors).toEqual([
      { path: 'tasks[1].key', message: 'is also the key of tasks[0], which has other input' },
    ]);
    expect(await stored()).toBe(0);
  });

  it('is refused where tasks with one key disagree about a finished task', async () => {
    const response = await postTasks(noop({ key: 'k' }), noop({ key: 'k', onConflict: 'replaceFinished' }));

    expect((await problemOf(response)).errors?.map(({ path }) => path)).toEqual(['tasks[1].onConflict']);
  });

  it('takes keys from finished tasks where it says so, and polls of these hear of it', async () => {
    const { id } = await taskOf(await postJson(`${api.url}/tasks`, noop({ key: 'k' })));
    await postJson(`${api.url}/tasks/${id}/cancel`, {});

    const { tasks } = await bodyOf(
      await postTasks(noop({ key: 'k', input: 2, onConflict: 'replaceFinished' })),
    );

    expect(tasks[0]?.outcome).toBe('created');
    expect((await taskOf(await fetch(`${api.url}/tasks/${id}`))).key).toBeNull();
  });
});
