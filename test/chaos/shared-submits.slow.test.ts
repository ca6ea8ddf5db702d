/** A process that is killed between the COMMIT of a shared submit and its answer. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { postJson, taskOf } from '../support/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { violations } from '../support/invariants.ts';
import { startHeadway } from '../support/process.ts';
import { createEffectTable, effectsOf, openStore } from '../support/service.ts';
import type { TaskBody } from '../support/task-states.ts';

const count = 50;
/** A task with an effect that would show that it ran twice. */
const stepsOf = (index: number) => ({ type: 'steps', key: `${index}`, input: { steps: 1, stepMs: 0 } });

let database: TestDatabase;
let store: Awaited<ReturnType<typeof openStore>>;
let proxy: FlakyProxy;
beforeEach(async () => {
  database = await createTestDatabase();
  store = await openStore(database.url);
  await createEffectTable(store);
  proxy = await FlakyProxy.start(database.url);
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  await store.close();
  await database.drop();
});

const serve = (url: string, runners: string) =>
  startHeadway({ DATABASE_URL: url, HEADWAY_RUNNERS: runners, HEADWAY_LEASE_SECONDS: '2' });

it.each([
  ['single submits that share a statement', singles, { statement: 'insert-tasks' }],
  ['a batch', batch, { statement: 'COMMIT', after: 'insert-tasks' }],
] as const)(
  'loses and doubles nothing of %s: each key is one task, which runs once',
  async (_what, submit, trigger) => {
    const doomed = await serve(proxy.url, '0');
    // The first statement is that of a submit alone; the others wait for it, and share the second one.
    const first = proxy.delay({ statement: 'insert-tasks' });
    const answers = submit(doomed.url).catch(() => 'no answer');
    const { deliver } = await first;
    const kept = proxy.keepAnswer(trigger);
    await deliver();
    await kept;
    doomed.signal('SIGKILL');
    await doomed.exited;
    expect(await answers).toBe('no answer');
    const committed = await store.db.prisma.taskState.findMany({ select: { id: true } });
    expect(committed.length).toBeGreaterThan(1);

    const successor = await serve(database.url, '1');
    const tasks = await submit(successor.url);

    const ids = new Set(tasks.map(({ id }) => id));
    expect(ids.size).toBe(count);
    expect(committed.every(({ id }) => ids.has(id))).toBe(true);
    await eventually(
      async () => (await store.db.prisma.taskState.count({ where: { status: 'succeeded' } })) === count,
    );
    expect(await store.db.prisma.taskState.count()).toBe(count);
    for (const id of ids) expect(await effectsOf(store, id)).toEqual([0, 1]);
    expect(await violations(store)).toEqual([]);
    successor.signal('SIGTERM');
    await successor.exited;
  },
);

function singles(url: string): Promise<TaskBody[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => taskOf(await postJson(`${url}/tasks`, stepsOf(index)))),
  );
}

async function batch(url: string): Promise<TaskBody[]> {
  const tasks = Array.from({ length: count }, (_, index) => stepsOf(index));
  const response = await postJson(`${url}/tasks/batch`, { tasks });
  return ((await response.json()) as { tasks: { task: TaskBody }[] }).tasks.map(({ task }) => task);
}
