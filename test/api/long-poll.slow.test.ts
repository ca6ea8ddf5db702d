/** GET with Prefer: wait=N, by very many at once. */
import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { areHeld, etagOf, startPoll } from '../support/held-polls.ts';
import { newTask, succeed } from '../support/polls.ts';

test('each of a thousand clients that wait for the same task learns of its end', async () => {
  await using api = await startApi();
  const id = await newTask(api);
  const etag = await etagOf(api, id);
  const held = Array.from({ length: 1_000 }, () =>
    startPoll(api, id, { prefer: 'wait=60', 'if-none-match': etag }),
  );
  await areHeld(api, 1_000);

  await succeed(api.store, id);

  const answers = await Promise.all(held.map(async ({ response }) => (await response).json()));
  expect(answers.every((answer) => (answer as { status: string }).status === 'succeeded')).toBe(true);
});
