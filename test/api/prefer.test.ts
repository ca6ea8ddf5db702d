/** The Prefer header, as clients write it (RFC 7240). */
import { describe, expect, test } from 'vitest';
import { waitSeconds } from '../../src/api/reading/prefer.ts';

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

  test('is found or not in no time, however a header is made', () => {
    const headers = ['"', '\\"', '"\\', '"a,', 'wait', 'wait=1', ' ', ',', '\\', '"" '].flatMap((part) => [
      part.repeat(16_000 / part.length),
      `"${part.repeat(16_000 / part.length)}`,
      `wait="${part.repeat(16_000 / part.length)}`,
    ]);

    const startedMs = performance.now();
    for (const header of headers) waitSeconds(header);

    // Of thirty headers; one of them took longer than that.
    expect(performance.now() - startedMs).toBeLessThan(300);
  });
});
