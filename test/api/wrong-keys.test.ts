import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { WrongKeys } from '../../src/api/access/wrong-keys.ts';
import { startApi, type TestApi } from '../support/api.ts';

describe('the answers to wrong keys', () => {
  const lines: string[] = [];
  const log = pino(
    { level: 'warn' },
    new Writable({ write: (line, _, done) => done(void lines.push(`${line}`)) }),
  );

  beforeEach(() => {
    lines.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it('are sent one after the other, and the log says so once', async () => {
    const wrongKeys = new WrongKeys(log);

    const turns = await Promise.allSettled(Array.from({ length: 101 }, () => wrongKeys.turn()).slice(0, 1));

    expect(turns[0]?.status).toBe('fulfilled');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('wrong API keys');
  });

  it('are replaced by a 429 at once while a hundred wait', async () => {
    const wrongKeys = new WrongKeys(log);
    const waiting = Array.from({ length: 101 }, () => wrongKeys.turn());
    for (const turn of waiting) turn.catch(() => undefined);

    await expect(wrongKeys.turn()).rejects.toMatchObject({ body: { status: 429 } });
  });
});

describe('while others try wrong keys', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ config: { apiKeys: ['a-key-of-some-length'] } });
  });
  afterAll(() => api.close());

  const get = (key: string) => fetch(`${api.url}/tasks`, { headers: { authorization: `Bearer ${key}` } });

  test('a request with a valid key is answered before them', async () => {
    const answered: string[] = [];
    const wrong = Array.from({ length: 20 }, (_, number) =>
      get(`wrong-${number}`).then(({ status }) => answered.push(`wrong ${status}`)),
    );
    await Promise.race(wrong);

    const right = await get('a-key-of-some-length');
    answered.push(`right ${right.status}`);
    await Promise.all(wrong);

    expect(answered.filter((line) => line === 'wrong 401')).toHaveLength(20);
    expect(answered.at(-1)).not.toBe('right 200');
    expect(answered).toContain('right 200');
  });
});
