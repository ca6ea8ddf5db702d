import { expect, it } from 'vitest';
import { renewalSeconds } from '../../src/tasks/workers/lease.ts';

it.each([
  [3, 1],
  [15, 5],
  [60, 5],
  [3600, 5],
])('a lease of %d s is renewed every %d s', (leaseSeconds, seconds) => {
  expect(renewalSeconds(leaseSeconds)).toBe(seconds);
});
