/** An import during which its worker is killed more than once, and then the whole service. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Store } from '../../../src/tasks/store.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { violations } from '../../support/invariants.ts';
import { pollUntil, startHeadway } from '../../support/process.ts';
import { openStore } from '../../support/service.ts';
import { isFinished } from '../../support/task-states.ts';

const rows = 300_000;
let database: TestDatabase;
let store: Store & { close(): Promise<void> };

beforeAll(async () => {
  database = await createTestDatabase();
  store = await openStore(database.url);
});

afterAll(async () => {
  await store.close();
  await database.drop();
});

const start = () => startHeadway({ DATABASE_URL: database.url, HEADWAY_LEASE_SECONDS: '3' });

function* lines() {
  yield 'number,name\n';
  for (let row = 1; row <= rows; row += 1) yield `${row},person ${row}\n`;
}

it('succeeds with each row once, and never shows a lower percentage than before', async () => {
  let headway = await start();
  const submitted = await fetch(`${headway.url}/tasks/csv-import?dataset=people`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: [...lines()].join(''),
  });
  const { id } = (await submitted.json()) as { id: string };
  const percentages: number[] = [];
  const attemptHasSaved = (attempt: number) =>
    eventually(async () => {
      const task = await store.db.prisma.taskState.findUniqueOrThrow({ where: { id } });
      percentages.push(task.percentDone);
      return task.checkpointAttempt === attempt;
    });

  for (const attempt of [1, 2]) {
    await attemptHasSaved(attempt);
    process.kill(headway.runnerPid, 'SIGKILL');
  }
  await attemptHasSaved(3);
  headway.signal('SIGKILL');
  process.kill(headway.runnerPid, 'SIGKILL');
  await headway.exited;
  headway = await start();
  await attemptHasSaved(4);
  const task = await pollUntil(headway.url, id, isFinished);

  expect(task).toMatchObject({ status: 'succeeded', attempt: 4, failures: 0, result: { imported: rows } });
  expect(percentages).toEqual(percentages.toSorted((one, two) => one - two));
  const [count] = await store.db.prisma.$queryRaw<unknown[]>`
    SELECT count(*)::int AS rows, count(DISTINCT data)::int AS distinct FROM dataset_row`;
  expect(count).toEqual({ rows, distinct: rows });
  expect(await violations(store)).toEqual([]);
  headway.signal('SIGTERM');
  await headway.exited;
});
