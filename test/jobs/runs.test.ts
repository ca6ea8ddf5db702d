import { describe, expect, it } from 'vitest';
import { misbehaviours } from '../support/jobs/misbehave.job.ts';
import { isFinished } from '../support/task-states.ts';
import { useService } from '../support/use-service.ts';

describe('a job’s run', () => {
  const service = useService({ slots: 4 });

  it('succeeds with its result, at 100 percent', async () => {
    const { id } = await service.submit('noop', null);

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({
      status: 'succeeded',
      percentDone: 100,
      attempt: 1,
      failures: 0,
      entryId: null,
    });
    expect(task.expiresAt?.getTime()).toBeGreaterThan(Date.now());
    const kinds = (await service.history(id)).map((entry) => entry.kind);
    expect(kinds).toEqual(['submitted', 'started', 'succeeded']);
  });

  it('comes from a worker whose row tells which types it has code for', async () => {
    const { types } = await service.store.db.prisma.worker.findFirstOrThrow();

    expect(types).toEqual(expect.arrayContaining(['csv-import', 'noop']));
  });

  it.each(misbehaviours.filter((how) => how.startsWith('throw')))(
    'fails with a code and a message: %s',
    async (how) => {
      const { id } = await service.submit('misbehave', { how }, { maxAttempts: 1 });

      const task = await service.waitFor(id, isFinished);

      expect(task.status).toBe('failed');
      const error = task.error as { code: string; message: string };
      expect(error.code).toMatch(/^[A-Za-z0-9_]+$/);
      expect(error.message.length).toBeGreaterThan(3);
      expect(error.message.length).toBeLessThanOrEqual(2000);
      expect(error.message).not.toMatch(/\p{Cc}|\p{Cs}/u);
    },
  );

  it.each(['returnBigInt', 'returnCircular', 'returnUndefined', 'returnHuge'])(
    'fails at once with a result that cannot be kept: %s',
    async (how) => {
      const { id } = await service.submit('misbehave', { how }, { maxAttempts: 3 });

      const task = await service.waitFor(id, isFinished);

      expect(task).toMatchObject({ status: 'failed', attempt: 1 });
      expect(task.error).toMatchObject({
        code: 'invalid_result',
        message: expect.stringMatching(/result|return/),
      });
    },
  );

  it('keeps a result with text that PostgreSQL refuses, cleansed', async () => {
    const { id } = await service.submit('misbehave', { how: 'returnNulls' });

    const task = await service.waitFor(id, isFinished);

    expect(task.result).toEqual({ text: 'ab\ufffdc', key: 1 });
  });

  it('is tried again after a failure, and the task tells when and why', async () => {
    const { id } = await service.submit('misbehave', { how: 'throwCoded' }, { maxAttempts: 2 });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({
      status: 'failed',
      attempt: 2,
      failures: 2,
      error: { code: 'E_CODED', message: 'coded' },
    });
    const retry = (await service.history(id)).find((entry) => entry.kind === 'retrying');
    expect(retry?.detail).toMatchObject({ message: 'coded', nextAttemptAt: expect.any(String), failures: 1 });
  });

  it('is not tried again after a PermanentError', async () => {
    const { id } = await service.submit('misbehave', { how: 'throwPermanent' }, { maxAttempts: 5 });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'no_use', message: 'never again' },
    });
  });
});
