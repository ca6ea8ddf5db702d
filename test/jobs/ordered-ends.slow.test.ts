import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { giveUp } from '../../src/tasks/workers/workers.ts';
import { eventually } from '../support/eventually.ts';
import { isFinished } from '../support/task-states.ts';
import { useService } from '../support/use-service.ts';

describe('a runner that Headway itself ends', () => {
  const said: { msg: string; how?: string }[] = [];
  const log = pino({}, { write: (line: string) => said.push(JSON.parse(line)) });
  const service = useService({ leaseSeconds: 1.5, log });

  const ends = () => said.filter(({ msg }) => msg === 'runner ended').map(({ how }) => how);

  it('because its tasks were taken from it is reported neither as killed from outside nor as dead', async () => {
    const worker = await service.store.db.prisma.worker.findFirstOrThrow();

    await giveUp(service.store, worker.id, 'lease_lapsed', '');

    await eventually(() => ends().length === 1);
    expect(ends()).toEqual(['ended by SIGKILL']);
    expect(service.supervisor.exits.of('given_up')).toBe(1);
  });

  it('because it does not stop in time is not reported as killed from outside', async () => {
    const { id } = await service.submit('noop', null);
    await service.waitFor(id, isFinished);
    process.kill(await service.runnerPid(), 'SIGSTOP');

    await service.stop(0);

    // On a busy machine a lease may lapse meanwhile, and then another runner is ended, too.
    expect(ends().length).toBeGreaterThanOrEqual(2);
    expect(new Set(ends())).toEqual(new Set(['ended by SIGKILL']));
  });
});
