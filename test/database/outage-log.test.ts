import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OutageLog, queueTrouble } from '../../src/database/outage-log.ts';

describe('the log of an outage', () => {
  let nowMs: number;
  let lines: Record<string, unknown>[];
  let outage: OutageLog;

  beforeEach(() => {
    nowMs = 1_000_000;
    lines = [];
    vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => BigInt(nowMs) * 1_000_000n);
    outage = new OutageLog(
      pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) }),
    );
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  function troubleFor(ms: number): void {
    for (let gone = 0; gone < ms; gone += 100) {
      outage.trouble(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
      nowMs += 100;
    }
  }

  it('has a line at its beginning, one every 10 s, and one at its end', () => {
    outage.answered();
    troubleFor(25_000);
    outage.answered();
    outage.answered();

    const reason = { code: 'ECONNREFUSED', reason: 'connect ECONNREFUSED' };
    expect(lines).toEqual([
      { level: 40, ...reason, msg: 'PostgreSQL is away: work that needs it waits' },
      { level: 40, ...reason, awaySeconds: 10, msg: 'PostgreSQL is still away' },
      { level: 40, ...reason, awaySeconds: 20, msg: 'PostgreSQL is still away' },
      { level: 30, awaySeconds: 25, msg: 'PostgreSQL is back' },
    ]);
  });

  it('tells of no second outage when statements sent before its end time out after it', () => {
    troubleFor(12_000);
    outage.answered();
    nowMs += 1_000;
    troubleFor(100);
    outage.answered();

    expect(lines.map(({ msg }) => msg)).toEqual([
      'PostgreSQL is away: work that needs it waits',
      'PostgreSQL is still away',
      'PostgreSQL is back',
    ]);
  });

  it('tells of an outage that begins right after another', () => {
    troubleFor(500);
    outage.answered();
    troubleFor(11_000);
    outage.answered();

    expect(lines.map(({ msg, awaySeconds }) => [msg, awaySeconds])).toEqual([
      ['PostgreSQL is away: work that needs it waits', undefined],
      ['PostgreSQL is back', 0.5],
      ['PostgreSQL is away: work that needs it waits', undefined],
      ['PostgreSQL is back', 11],
    ]);
  });

  it('stays short when the connection flaps', () => {
    for (let second = 0; second < 20; second += 1) {
      troubleFor(500);
      outage.answered();
      nowMs += 500;
    }

    expect(lines.map(({ msg }) => msg)).toEqual([
      'PostgreSQL is away: work that needs it waits',
      'PostgreSQL is back',
      'PostgreSQL is away: work that needs it waits',
      'PostgreSQL is back',
    ]);
  });
});

describe('the log of pg-boss', () => {
  const lines: Record<string, unknown>[] = [];
  const say = queueTrouble(pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) }));

  it.each([
    ['is away', 'ECONNREFUSED'],
    ['is read-only', '25006'],
    ['is full', '53100'],
  ])('is empty where PostgreSQL %s', (_what, code) => {
    say(Object.assign(new Error('no'), { code }));

    expect(lines).toEqual([]);
  });

  it('has an error of another kind, but not each time it occurs', () => {
    say(Object.assign(new Error('no such table'), { code: '42P01' }));
    say(Object.assign(new Error('no such table'), { code: '42P01' }));

    expect(lines).toMatchObject([{ level: 40, err: { message: 'no such table' } }]);
  });
});
