/** GET /groups/:group of a group that nobody follows any more. */
import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { groupBody } from '../support/group-polls.ts';
import { insertTask, newTask } from '../support/polls.ts';

test('a group that nobody has followed for a while is read again', async () => {
  await using own = await startApi();
  const look = () => groupBody(own, 'g');
  await newTask(own, { group: 'g' });
  await look();
  // The group is forgotten together with the last of its members.
  await eventually(() => own.reading.snapshots.size === 0);

  const late = await insertTask(own.store.db.pool, 'g');
  await own.store.db.pool.query(
    `UPDATE task_state SET created_at = now() - interval '1 hour' WHERE id = $1`,
    [late],
  );

  expect((await look()).tasks.map((task) => task.id)).toContain(late);
});
