import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { FlakyProxy } from '../support/flaky-proxy.ts';
import { openStore, submit, TestService, waitFor } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';
import { claimsRest } from '../support/tasks.ts';

const claim = '\0claim\0';

let database: TestDatabase;
let store: Awaited<ReturnType<typeof openStore>>;
let proxy: FlakyProxy;
let flaky: Awaited<ReturnType<typeof openStore>>;
let service: TestService;

beforeEach(async () => {
  database = await createTestDatabase();
  store = await openStore(database.url);
  proxy = await FlakyProxy.start(database.url);
  flaky = await openStore(proxy.url);
  service = await TestService.start(flaky);
});

afterEach(async () => {
  await service.stop();
  await flaky.close();
  await proxy[Symbol.asyncDispose]();
  await store.close();
  await database.drop();
});

it('a task whose claim commits long after the runner stopped waiting for it is handed back, and then run', async () => {
  // When a runner starts, it asks every queue: wait until that is over.
  await eventually(() => claimsRest(store));
  const held = proxy.holdBack({ statement: claim });
  const first = await submit(store, 'noop', null);
  const late = await held;
  await waitFor(store, first.id, isFinished);

  // A server that stood still wakes up, and executes an old claim before anything else.
  proxy.stall([claim]);
  const { id } = await submit(store, 'noop', null);
  await late.deliver();
  await waitFor(store, id, (task) => task.status === 'running');
  proxy.unstall();

  const task = await waitFor(store, id, isFinished);
  expect(task).toMatchObject({ status: 'succeeded', attempt: 2, failures: 0 });
  const told = (await service.history(id)).filter(({ kind }) => kind === 'log').map(({ detail }) => detail);
  expect(told).toEqual([{ text: expect.stringContaining('without hearing of it') }]);
  await eventually(() => service.supervisor.handedBackClaims === 1);
});
