/** The input that a job gets: its schema parses the sent input at the submit, and again in each attempt. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postJson, startApi, type TestApi, taskOf } from '../support/api.ts';
import { TestService } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';

let api: TestApi;
let service: TestService;
beforeAll(async () => {
  api = await startApi();
  service = await TestService.start(api.store);
});
afterAll(async () => {
  await service.stop();
  await api.close();
});

async function submitted(input: unknown): Promise<{ id: string; title: string }> {
  return taskOf(await postJson(`${api.url}/tasks`, { type: 'parses', input }));
}

describe('a job whose schema changes its input', () => {
  it.each([
    ['a transform', { count: '7' }, 'count: number 7'],
    ['z.coerce.bigint()', { big: '9007199254740993' }, 'big: bigint 9007199254740993'],
    ['z.coerce.date()', { when: '2026-02-03' }, 'when: 2026-02-03T00:00:00.000Z'],
    ['a Set', { tags: ['a', 'b', 'a'] }, 'tags: Set(a b)'],
    ['an asynchronous refinement', { name: 'Ada' }, 'name: string Ada'],
  ])('runs with what %s makes of it, and its title tells the same', async (_what, input, saw) => {
    const { id, title } = await submitted(input);

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, input });
    expect(task.result).toMatchObject({ saw: expect.stringContaining(saw) });
    expect(title).toContain(saw);
  });

  it('has its defaults filled in by each attempt, and the input is stored as it was sent', async () => {
    const { id } = await submitted({});

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({ status: 'succeeded', input: {}, result: { saw: 'unit: string rows' } });
  });

  it('parses the input again after a person’s retry', async () => {
    const { id } = await service.submit('parses', { count: 7 });
    await service.waitFor(id, isFinished);
    await api.store.db.prisma.taskState.update({ where: { id }, data: { input: { count: '7' } } });

    await fetch(`${api.url}/tasks/${id}/retry`, { method: 'POST' });
    const task = await service.waitFor(id, ({ status }) => status === 'succeeded');

    expect(task.result).toMatchObject({ saw: expect.stringContaining('count: number 7') });
  });
});

describe('an input that its job’s schema no longer takes', () => {
  it('fails the task for good, and names the fields', async () => {
    const { id } = await service.submit('parses', { count: 7, tags: ['a', 1], name: 'nobody' });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid_input' } });
    const { message } = task.error as { message: string };
    expect(message).toMatch(/^The task's input no longer fits its job: /);
    expect(message).toContain('input.count: Invalid input: expected string, received number');
    expect(message).toContain('input.tags[1]: Invalid input: expected string, received number');
    expect(message).toContain('input.name: is not known');
  });

  it('is treated differently from a schema that throws, after which the task is tried again', async () => {
    const { id } = await service.submit('parses', { says: 'throw' }, { maxAttempts: 2 });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({ status: 'failed', attempt: 2, failures: 2 });
    expect(task.error).toMatchObject({ message: 'no schema today' });
  });
});

describe('a result', () => {
  it('is parsed once and stored as the schema returns it, and its link is made from the stored value', async () => {
    const { id } = await submitted({});
    await service.waitFor(id, isFinished);

    const { result, links } = (await (await fetch(`${api.url}/tasks/${id}`)).json()) as Record<
      string,
      object
    >;

    expect(result).toMatchObject({ doubled: 42, at: '1970-01-01T00:00:00.000Z' });
    expect(links).toMatchObject({ result: '/doubled/42?at=1970-01-01T00:00:00.000Z' });
  });
});
