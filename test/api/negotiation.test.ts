/** Accept headers, tags and Retry-After: three pure functions. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { representationFor } from '../../src/api/http/negotiation.ts';
import { matchesEtag } from '../../src/api/reading/polls/etag.ts';
import { type Prospect, retryAfterSeconds } from '../../src/api/reading/retry-after.ts';

test.each([
  [undefined, 'json'],
  ['', 'json'],
  ['*/*', 'json'],
  ['application/json', 'json'],
  ['application/*', 'json'],
  ['text/html', 'html'],
  ['TEXT/HTML', 'html'],
  ['text/*', 'html'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'html'],
  ['text/html, */*', 'html'],
  ['application/json, text/html', 'json'],
  ['text/html;q=0.5, application/json;q=0.4', 'html'],
  ['text/html;q=0.4, application/json;q=0.5', 'json'],
  ['text/html;q=0, */*', 'json'],
  ['application/json;q=0, */*;q=0.1', 'html'],
  ['text/html;level=1;q=0.9, application/json;q=0.8', 'html'],
  ['application/json;q=nonsense', 'json'],
  ['application/json;q=', 'json'],
  ['application/json;q=0.0, text/html;q=0.001', 'html'],
  [';;;,,,', 'json'],
  ['nonsense', 'json'],
  ['text/csv', undefined],
  ['text/event-stream', undefined],
  ['*/*;q=0', undefined],
  ['application/json;q=0', undefined],
])('%j gets %s', (accept, representation) => {
  expect(representationFor(accept)).toBe(representation);
});

test('no header is too strange', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'text/html*;q=0.19, ') }), (accept) => {
      expect(['json', 'html', undefined]).toContain(representationFor(accept));
      expect(matchesEtag(accept, '"json-1-1"')).toBe(accept.trim() === '*');
    }),
  );
});

describe('a client comes back', () => {
  const now = Date.parse('2026-11-24T12:00:00Z');
  const task = ({ secondsToStart, ...state }: Partial<Prospect> & { secondsToStart?: number }) =>
    retryAfterSeconds(
      { status: 'running', etaSeconds: null, nextAttemptMs: null, startedMs: null, ...state },
      now,
      secondsToStart,
    );

  test.each([
    ['after a second while nothing is known', {}, 1],
    ['after a second near the end', { etaSeconds: 3 }, 1],
    ['after a tenth of the rest', { etaSeconds: 100 }, 10],
    ['after half a minute at the latest', { etaSeconds: 1e9 }, 30],
    ['after a second while it is about to start', { status: 'queued' }, 1],
    ['when the next try is due', { status: 'queued', nextAttemptMs: Date.parse('2026-11-24T12:00:20Z') }, 20],
    [
      'at once for a try that is overdue',
      { status: 'queued', nextAttemptMs: Date.parse('2026-11-24T11:00:00Z') },
      1,
    ],
    ['after a tenth of what has gone by', { startedMs: Date.parse('2026-11-24T11:59:00Z') }, 6],
    ['after half of its wait in a deep queue', { status: 'queued', secondsToStart: 25 }, 13],
    ['never once it is finished', { status: 'succeeded' }, undefined],
  ] as const)('%s', (_what, state, seconds) => {
    expect(task(state)).toBe(seconds);
  });
});
