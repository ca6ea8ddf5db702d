import { beforeAll, describe, expect, it } from 'vitest';
import { createEffectTable, effectsOf } from '../support/service.ts';
import { isFinished } from '../support/task-states.ts';
import { useService } from '../support/use-service.ts';

describe('a careless job', () => {
  const service = useService({}, createEffectTable);
  let pid: number;
  beforeAll(async () => {
    pid = await service.runnerPid();
  });

  it.each([
    ['checkpointNotAwaited', { status: 'succeeded', result: 'returned' }, [1]],
    ['finishNotAwaited', { status: 'succeeded', result: 'finished' }, [1]],
    ['finishTwice', { status: 'succeeded', result: 'first' }, [1]],
    ['nestedCheckpoint', { status: 'failed', error: { code: 'nested_transaction' } }, []],
    ['rejectionLeftBehind', { status: 'succeeded', result: 'returned' }, []],
  ])('that is %s loses nothing, and takes no runner along', async (how, outcome, effects) => {
    const { id } = await service.submit('careless', { how }, { maxAttempts: 1 });

    const task = await service.waitFor(id, isFinished);

    expect(task).toMatchObject(outcome);
    expect(await effectsOf(service.store, id)).toEqual(effects);
    expect(await service.runnerPid()).toBe(pid);
  });
});
