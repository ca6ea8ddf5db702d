import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskState } from '../../src/generated/prisma/client.ts';
import { viewTask } from '../../src/tasks/model/view.ts';

const at = new Date('2026-01-02T03:04:05.678Z');

/** A row in which everything that readers must not see says so. */
const row: TaskState = {
  id: '01890000-0000-7000-8000-000000000001',
  type: 'csv-import',
  key: 'a-key',
  group: 'alice',
  title: 'Import people',
  status: 'running',
  input: { secret: 'SECRET input' },
  inputDigest: 'SECRET digest',
  percentDone: 25,
  done: 50,
  total: 200,
  unit: 'rows',
  ratePerSecond: 20,
  etaSeconds: 7.54,
  message: 'Reading',
  attempt: 2,
  failures: 1,
  losses: 1,
  maxAttempts: 3,
  nextAttemptAt: at,
  entryId: 'SECRET entry',
  workerId: 'SECRET worker',
  checkpoint: { offset: 'SECRET checkpoint' },
  checkpointNo: 7777,
  checkpointAttempt: null,
  result: null,
  error: { code: 'job_error', message: 'it broke', attempt: 8888, at: 'SECRET at', stack: 'SECRET stack' },
  cancelRequestedAt: at,
  replacedBy: 'SECRET replacement',
  leaseExpiresAt: at,
  reportTokenHash: 'SECRET token',
  sequence: 9999n,
  revivable: true,
  version: 6666,
  createdAt: at,
  startedAt: at,
  progressedAt: at,
  updatedAt: at,
  finishedAt: null,
  expiresAt: null,
};

const view = (changes: Partial<TaskState> = {}) => viewTask({ ...row, ...changes }, () => undefined);

describe('the view of a task', () => {
  it('is what readers are shown, and nothing else', () => {
    expect(view()).toEqual({
      id: row.id,
      version: 6666,
      type: 'csv-import',
      title: 'Import people',
      key: 'a-key',
      group: 'alice',
      status: 'running',
      percentDone: 25,
      done: 50,
      total: 200,
      unit: 'rows',
      ratePerSecond: 20,
      etaSeconds: 7.5,
      message: 'Reading',
      attempt: 2,
      failures: 1,
      maxAttempts: 3,
      nextAttemptAt: '2026-01-02T03:04:05.678Z',
      createdAt: '2026-01-02T03:04:05.678Z',
      startedAt: '2026-01-02T03:04:05.678Z',
      progressedAt: '2026-01-02T03:04:05.678Z',
      updatedAt: '2026-01-02T03:04:05.678Z',
      finishedAt: null,
      expiresAt: null,
      result: null,
      error: { code: 'job_error', message: 'it broke' },
      cancelRequested: true,
      links: {
        self: `/tasks/${row.id}`,
        html: `/tasks/${row.id}`,
        events: `/tasks/${row.id}/events`,
        cancel: `/tasks/${row.id}/cancel`,
      },
    });
  });

  it.each(['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const)(
    'never shows input, worker, entry, checkpoint, token, digest or stack: %s',
    (status) => {
      const json = JSON.stringify(view({ status, nextAttemptAt: null }));

      expect(json).not.toMatch(/SECRET|stack|losses|revivable|7777|8888|9999/);
    },
  );

  it('is the same bytes for the same row, and leaves the row as it is', () => {
    const before = structuredClone(row);

    const bodies = Array.from({ length: 3 }, () => JSON.stringify(view()));

    expect(new Set(bodies).size).toBe(1);
    expect(row).toEqual(before);
  });

  it('can be cancelled only while it is not finished', () => {
    const cancellable = (['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const).filter(
      (status) => 'cancel' in view({ status }).links,
    );

    expect(cancellable).toEqual(['queued', 'running']);
  });

  it('links to what a success has made, where the job says where', () => {
    const resultLink = (type: string, result: unknown) =>
      `/${type}/${(result as { id: string } | null)?.id ?? 'none'}`;
    const result = { id: 'd1' };

    const linksOf = (changes: Partial<TaskState>) => viewTask({ ...row, ...changes }, resultLink).links;

    expect(linksOf({ status: 'succeeded', result })).toMatchObject({ result: '/csv-import/d1' });
    expect(linksOf({ status: 'running', result })).not.toHaveProperty('result');
    expect(view({ status: 'succeeded', result }).links).not.toHaveProperty('result');
  });

  it('has no error where there is none', () => {
    expect(view({ error: null }).error).toBeNull();
  });
});

describe('the figures', () => {
  it.each([
    [55.00000000000001, 55],
    [33.33333, 33.33],
    [99.999, 99.99],
    [100, 100],
  ])('are as exact as people need them: %d is %d percent', (percentDone, shown) => {
    expect(view({ percentDone }).percentDone).toBe(shown);
  });

  it('keep a small rate', () => {
    expect(view({ ratePerSecond: 0.000123456789 }).ratePerSecond).toBe(0.000123457);
  });
});

describe('the time of progress', () => {
  it('is unknown where a runner of an earlier version has begun the attempt', () => {
    const before = new Date(at.getTime() - 1);

    expect(view({ progressedAt: before }).progressedAt).toBeNull();
    expect(view({ progressedAt: null }).progressedAt).toBeNull();
  });
});

describe('the time left', () => {
  it.each([
    ['queued', 50, 200, 20, null],
    ['running', 50, 200, 7.46, 7.5],
    ['running', 0, 1, 0.333, 0.3],
    ['running', 200, 200, 20, null],
    ['running', 300, 200, 20, null],
    ['running', null, 200, 20, null],
    ['running', 50, null, 20, null],
    ['running', 50, 200, null, null],
    ['running', 50, 200, 0, 0],
    ['succeeded', 50, 200, 20, null],
    ['failed', 50, 200, 20, null],
    ['cancelled', 50, 200, 20, null],
  ] as const)('of a %s task with %s of %s and %s s to go is %s s', (status, done, total, etaSeconds, eta) => {
    expect(view({ status, done, total, etaSeconds }).etaSeconds).toBe(eta);
  });

  it('is never negative or no number', () => {
    const count = fc.option(fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }));
    const left = fc.option(fc.double({ min: 0, max: 1e15, noNaN: true }));

    fc.assert(
      fc.property(count, count, left, (done, total, secondsLeft) => {
        const { etaSeconds } = view({ done, total, etaSeconds: secondsLeft });

        expect(etaSeconds === null || (Number.isFinite(etaSeconds) && etaSeconds >= 0)).toBe(true);
      }),
    );
  });
});
