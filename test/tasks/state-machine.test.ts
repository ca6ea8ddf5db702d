import { describe, expect, it } from 'vitest';
import {
  isTerminal,
  mayMove,
  type TaskStatus,
  terminalStatuses,
} from '../../src/tasks/model/state-machine.ts';

const statuses = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const satisfies readonly TaskStatus[];

/** The table of the design, copied by hand: the table in the code must say the same. */
const legal = [
  ['queued', 'running'],
  ['queued', 'cancelled'],
  ['running', 'succeeded'],
  ['running', 'failed'],
  ['running', 'cancelled'],
  ['running', 'queued'],
  ['failed', 'queued'],
  ['cancelled', 'queued'],
  ['failed', 'running'],
] as const;

const illegal = statuses.flatMap((from) =>
  statuses
    .filter((to) => !legal.some((edge) => edge[0] === from && edge[1] === to))
    .map((to) => [from, to] as const),
);

describe('the state machine', () => {
  it.each(legal)('lets a task go from %s to %s', (from, to) => {
    expect(mayMove(from, to)).toBe(true);
  });

  it.each(illegal)('lets no task go from %s to %s', (from, to) => {
    expect(mayMove(from, to)).toBe(false);
  });

  it('knows 25 pairs, 9 of them legal', () => {
    expect(legal).toHaveLength(9);
    expect(illegal).toHaveLength(16);
  });

  it('ends in three statuses', () => {
    expect(statuses.filter(isTerminal)).toEqual(['succeeded', 'failed', 'cancelled']);
    expect(terminalStatuses).toEqual(['succeeded', 'failed', 'cancelled']);
  });

  it('lets nothing leave success', () => {
    expect(statuses.filter((to) => mayMove('succeeded', to))).toEqual([]);
  });
});
