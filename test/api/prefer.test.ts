/** The Prefer header, as clients write it (RFC 7240). */
import { describe, expect, test } from 'vitest';
import { waitSeconds } from '../../src/api/reading/polls/prefer.ts';

describe('how long a client is willing to wait', () => {
  test.each([
    ['wait=10', 10],
    ['Wait=10', 10],
    ['WAIT = 10', 10],
    ['wait="10"', 10],
    ['wait=10; foo', 10],
    ['wait=10;foo="a,b"', 10],
    ['respond-async, wait=10', 10],
    ['wait=10, respond-async', 10],
    ['respond-async; x="wait=5", wait=10', 10],
    ['foo="a, wait=5", wait=10', 10],
    ['foo="a\\", wait=5", wait=10', 10],
    [',, ,wait=10,', 10],
    ['handling=lenient,wait=10,return=minimal', 10],
    ['wait=10, wait=20', 10],
    ['wait=0', 0],
    ['wait=007', 7],
    ['wait=60', 60],
    ['wait=61', 60],
    ['wait=99999', 60],
    ['wait=99999999999999999999999999999999', 60],
  ])('%s', (header, seconds) => {
    expect(waitSeconds(header)).toBe(seconds);
  });

  test.each([
    '',
    'wait',
    'wait=',
    'wait=-1',
    'wait=1.5',
    'wait=1e3',
    'wait=0x10',
    'wait=ten',
    'wait=10s',
    'wait="10',
    "wait='10'",
    'wait=１０',
    'waiting=10',
    'await=10',
    'x-wait=10',
    'foo="wait=10"',
    'wait=ten, wait=10',
    'wait, wait=10',
    'respond-async',
    ';wait=10',
  ])('is not said by %j', (header) => {
    expect(waitSeconds(header)).toBeUndefined();
  });

  test('is looked for in time that grows with the length of the header, whatever the header holds', () => {
    const parts = ['"', '\\"', '"\\', '"a,', 'wait', 'wait=1', ' ', ',', '\\', '"" '];
    const headers = (length: number) =>
      parts.flatMap((part) => {
        const text = part.repeat(length / part.length);
        return [text, `"${text}`, `wait="${text}`];
      });
    const long = headers(16_000);
    const short = headers(1_000);

    const longMs = leastMs(() => long.forEach(waitSeconds));
    const shortMs = leastMs(() => {
      for (let again = 0; again < 16; again += 1) short.forEach(waitSeconds);
    });

    // About the same time. With backtracking, the long headers would take sixteen times as much.
    expect(longMs).toBeLessThan(6 * shortMs);
  });
});

/** The processor time of the work: the least of several rounds, as some rounds are disturbed. */
function leastMs(work: () => void): number {
  const rounds = Array.from({ length: 7 }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...rounds);
}
