/** A runner beside clients that submit without a pause. */
import { expect, it, onTestFinished } from 'vitest';
import { SubmitQueue } from '../../src/tasks/life/submit-queue.ts';
import { submitRequest, TestService } from '../support/service.ts';
import { useStore } from '../support/tasks.ts';

const store = useStore();

it('the first task of a flood is done while the flood goes on', async () => {
  const service = await TestService.start(store);
  onTestFinished(() => service.stop());
  const submits = new SubmitQueue(store);
  let isDone = false;
  const submit = (title: string) => submits.submit(submitRequest({ title }));

  const { task: first } = await submit('first');
  const client = async () => {
    while (!isDone) await submit('flood');
  };
  const flood = Promise.all(Array.from({ length: 32 }, client));
  const done = await service.waitFor(first.id, ({ status }) => status === 'succeeded');
  isDone = true;
  await flood;

  expect(done.attempt).toBe(1);
  const last = await store.db.prisma.taskState.findFirstOrThrow({ orderBy: { createdAt: 'desc' } });
  expect(Number(last.createdAt)).toBeGreaterThan(Number(done.startedAt));
});
