import { beforeEach, describe, expect, it, vi } from 'vitest';
import { persist } from '../../src/jobs/attempt/persist.ts';

const lostAnswer = () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const deadlock = () => Object.assign(new Error('deadlock detected'), { code: '40P01' });
const refused = () => Object.assign(new Error('value too long'), { code: '22001' });

const undecided = async () => undefined;
const onTrouble = vi.fn();
const sleep = vi.fn(async (_ms: number) => undefined);

/** A write that throws these errors in turn, and then succeeds. */
function failing(...errors: Error[]) {
  const write = vi.fn(async () => 'written');
  for (const error of errors) write.mockRejectedValueOnce(error);
  return write;
}

describe('a write that must happen', () => {
  beforeEach(() => {
    onTrouble.mockReset();
    sleep.mockClear();
  });

  it('is made once if it succeeds, and `settled` is not asked', async () => {
    const write = failing();
    const settled = vi.fn(undecided);

    expect(await persist(write, settled, { onTrouble, sleep })).toBe('written');
    expect(write).toHaveBeenCalledTimes(1);
    expect(settled).not.toHaveBeenCalled();
    expect(onTrouble).not.toHaveBeenCalled();
  });

  it('is tried again after errors that pass, and reports each of them', async () => {
    const [first, second] = [lostAnswer(), deadlock()];
    const write = failing(first, second);

    expect(await persist(write, undecided, { onTrouble, sleep })).toBe('written');
    expect(write).toHaveBeenCalledTimes(3);
    expect(onTrouble.mock.calls).toEqual([[first], [second]]);
  });

  it.each([
    ['a closed pool connection', new Error('Connection terminated unexpectedly')],
    ['a time-out', new Error('Query read timeout')],
    [
      'Prisma’s wrapping',
      { code: 'P2010', meta: { driverAdapterError: { cause: { originalCode: '57P01' } } } },
    ],
    ['a nested cause', new Error('outer', { cause: lostAnswer() })],
    ['a lock that was not to be had', Object.assign(new Error('x'), { code: '55P03' })],
  ])('is tried again after %s', async (_name, error) => {
    expect(await persist(failing(error as Error), undecided, { onTrouble, sleep })).toBe('written');
  });

  it('throws any other error at once, unchanged', async () => {
    const error = refused();
    const write = failing(error);

    await expect(persist(write, undecided, { onTrouble, sleep })).rejects.toBe(error);
    expect(write).toHaveBeenCalledTimes(1);
    expect(onTrouble).not.toHaveBeenCalled();
  });

  it('throws any other error of a later try, too', async () => {
    const write = failing(lostAnswer(), refused());

    await expect(persist(write, undecided, { onTrouble, sleep })).rejects.toThrow('value too long');
    expect(write).toHaveBeenCalledTimes(2);
  });

  it('is not made again if an earlier try turns out to have committed', async () => {
    const write = failing(lostAnswer());
    const settled = vi.fn(async () => 'had been written');

    expect(await persist(write, settled, { onTrouble, sleep })).toBe('had been written');
    expect(write).toHaveBeenCalledTimes(1);
    expect(settled).toHaveBeenCalledTimes(1);
  });

  it('asks `settled` before each further try', async () => {
    const write = failing(lostAnswer(), lostAnswer(), lostAnswer());
    const settled = vi.fn(undecided);

    await persist(write, settled, { onTrouble, sleep });

    expect(write).toHaveBeenCalledTimes(4);
    expect(settled).toHaveBeenCalledTimes(3);
  });

  it('makes no further try before `settled` has an answer', async () => {
    const write = failing(lostAnswer());
    const settled = vi.fn(undecided).mockRejectedValueOnce(lostAnswer()).mockRejectedValueOnce(lostAnswer());

    await persist(write, settled, { onTrouble, sleep });

    expect(settled).toHaveBeenCalledTimes(3);
    expect(write).toHaveBeenCalledTimes(2);
    expect(onTrouble).toHaveBeenCalledTimes(3);
  });

  it('throws an error of `settled` that will not pass', async () => {
    const settled = vi.fn(undecided).mockRejectedValueOnce(refused());

    await expect(persist(failing(lostAnswer()), settled, { onTrouble, sleep })).rejects.toThrow(
      'value too long',
    );
  });

  it('waits longer each time, up to a second', async () => {
    const write = failing(...Array.from({ length: 7 }, lostAnswer));

    await persist(write, undecided, { onTrouble, sleep });

    const waits = sleep.mock.calls.map(([ms]) => ms);
    expect(waits).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
  });
});
