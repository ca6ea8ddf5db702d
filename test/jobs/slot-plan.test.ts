import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlotPlan } from '../../src/jobs/runner/slot-plan.ts';

const unlimited = () => Number.POSITIVE_INFINITY;

function ready(plan: SlotPlan, ...types: string[]): void {
  for (const type of types) plan.markReady(type);
}

describe('the plan of slots', () => {
  it('gives a queue all free slots, up to the limit of its type', () => {
    const plan = new SlotPlan(10, (type) => (type === 'few' ? 2 : 10));
    ready(plan, 'few', 'many');

    expect(plan.next()).toEqual({ queue: 'few', count: 2 });
    expect(plan.next()).toEqual({ queue: 'many', count: 8 });
    expect(plan.next()).toBeUndefined();
  });

  it('gives no slots to a queue that is not marked ready', () => {
    const plan = new SlotPlan(10, unlimited);

    expect(plan.next()).toBeUndefined();
    ready(plan, 'a');
    expect(plan.next()).toEqual({ queue: 'a', count: 10 });
    plan.release('a', 10);
    expect(plan.next()).toBeUndefined();
  });

  it('takes turns: a queue that had its turn comes after the waiting queues', () => {
    const plan = new SlotPlan(1, unlimited);
    const turns: (string | undefined)[] = [];
    ready(plan, 'a', 'b', 'c');

    for (let turn = 0; turn < 6; turn += 1) {
      const next = plan.next();
      turns.push(next?.queue);
      ready(plan, 'a', 'b', 'c');
      plan.release(next?.queue ?? '', 1);
    }

    expect(turns).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('passes over a type at its limit, which keeps its turn', () => {
    const plan = new SlotPlan(3, (type) => (type === 'a' ? 1 : 3));
    ready(plan, 'a');
    plan.next();
    ready(plan, 'a', 'b');

    expect(plan.next()).toEqual({ queue: 'b', count: 2 });
    plan.release('a', 1);
    expect(plan.next()).toEqual({ queue: 'a', count: 1 });
  });

  it('gives the slots of attempts that have returned, but fewer once more ends than twice the slots are unwritten', () => {
    const plan = new SlotPlan(3, unlimited);
    const begin = () => {
      ready(plan, 'a');
      return plan.next()?.count;
    };
    begin();
    for (let task = 0; task < 3; task += 1) plan.returned('a');

    expect(begin()).toBe(3);
    for (let task = 0; task < 3; task += 1) plan.returned('a');
    expect(begin()).toBe(3);
    for (let task = 0; task < 3; task += 1) plan.returned('a');
    expect(begin()).toBeUndefined();
    plan.written();
    plan.written();
    expect(begin()).toBe(2);
  });

  it('gives no slots once it is closed', () => {
    const plan = new SlotPlan(3, unlimited);
    ready(plan, 'a');

    plan.close();

    expect(plan.next()).toBeUndefined();
  });

  it('never reserves more than there are slots, nor more of a type than its limit', () => {
    const types = ['a', 'b', 'c'];
    const limits: Record<string, number> = { a: 1, b: 3, c: 100 };
    const step = fc.oneof(
      fc.record({ kind: fc.constant('ready' as const), type: fc.constantFrom(...types) }),
      fc.record({ kind: fc.constant('next' as const) }),
      fc.record({ kind: fc.constant('release' as const), type: fc.constantFrom(...types), part: fc.nat(4) }),
    );

    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 100 }), (slots, steps) => {
        const plan = new SlotPlan(slots, (type) => limits[type] ?? 0);
        const taken: Record<string, number> = { a: 0, b: 0, c: 0 };
        for (const action of steps) {
          if (action.kind === 'ready') plan.markReady(action.type);
          if (action.kind === 'next') {
            const next = plan.next();
            if (next) {
              expect(next.count).toBeGreaterThan(0);
              taken[next.queue] = (taken[next.queue] ?? 0) + next.count;
            }
          }
          if (action.kind === 'release') {
            const count = Math.min(action.part, taken[action.type] ?? 0);
            taken[action.type] = (taken[action.type] ?? 0) - count;
            plan.release(action.type, count);
          }
          const all = Object.values(taken).reduce((sum, count) => sum + count, 0);
          expect(all).toBeLessThanOrEqual(slots);
          for (const type of types) {
            expect(taken[type]).toBeLessThanOrEqual(limits[type] ?? 0);
            const room = Math.min(slots - all, (limits[type] ?? 0) - (taken[type] ?? 0));
            expect(plan.roomFor(type)).toBe(room);
          }
        }
      }),
    );
  });
});
