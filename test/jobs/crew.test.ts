import { describe, expect, it } from 'vitest';
import { type Member, planCrew } from '../../src/jobs/supervisor/crew.ts';

const taking = {
  kind: 'shared',
  isTaking: true,
  isDraining: false,
  isStandingStill: false,
  isBusy: true,
  idleMs: 0,
} as const;
const still = { ...taking, isStandingStill: true };
const idle = { ...taking, isBusy: false, idleMs: 500 };
const gone = { ...taking, isTaking: false };
const draining = { ...gone, isDraining: true };
const solo = { ...taking, kind: 'solo' } as const;
const starting = { ...solo, isBusy: false };

const nothing = new Set<never>();
const hour = 3_600_000;

function plan(members: readonly Member[], waiting: readonly ('shared' | 'solo')[] = [], calmMs = hour) {
  return planCrew(members, { runners: 1, waiting: new Set(waiting), calmMs });
}

describe('the crew', () => {
  it('gets a runner for each missing one', () => {
    expect(planCrew([], { runners: 3, waiting: nothing, calmMs: 0 }).start).toHaveLength(3);
    expect(plan([gone]).start).toEqual(['shared']);
    expect(plan([taking])).toEqual({ start: [], retire: [], isHeldUp: false });
  });

  it('replaces up to two draining runners, and no more', () => {
    expect(plan([draining, draining]).start).toEqual(['shared']);
    expect(plan([draining, draining, draining])).toEqual({ start: [], retire: [], isHeldUp: true });
    expect(plan([draining, draining, draining, taking])).toMatchObject({ start: [], isHeldUp: false });
  });

  it('has one runner less for each draining runner beyond two', () => {
    const needs = { runners: 3, waiting: nothing, calmMs: 0 };

    expect(planCrew([draining, draining, draining, taking], needs)).toMatchObject({
      start: ['shared'],
      isHeldUp: true,
    });
    expect(planCrew([draining, draining, draining, taking, taking], needs).start).toEqual([]);
  });

  it('gets solo runners however many shared runners are draining', () => {
    expect(plan([draining, draining, draining], ['solo']).start).toEqual(['solo']);
  });

  it('gets a spare when a runner stands still and work waits', () => {
    expect(plan([still], ['shared'], 0).start).toEqual(['shared']);
    expect(plan([still], [], 0).start).toEqual([]);
    expect(plan([taking], ['shared']).start).toEqual([]);
  });

  it('gets one spare for each runner that stands still, but at most two', () => {
    expect(plan([still, taking], ['shared'], 0).start).toEqual([]);
    expect(plan([still, still], ['shared'], 0).start).toEqual(['shared']);
    expect(plan([still, still, still], ['shared'], 0).start).toEqual([]);
  });

  it('retires the newest idle spare when no runner has stood still for a while', () => {
    const newest = { ...idle };

    expect(plan([idle, taking, newest]).retire).toEqual([idle, newest]);
    expect(plan([idle, newest]).retire[0]).toBe(newest);
    expect(plan([idle, newest], [], 500).retire).toEqual([]);
    expect(plan([taking, taking]).retire).toEqual([]);
  });

  it('gets solo runners when work waits for them, but at most two', () => {
    expect(plan([taking], ['solo']).start).toEqual(['solo']);
    expect(plan([taking, solo], ['solo']).start).toEqual(['solo']);
    expect(plan([taking, solo, starting], ['solo']).start).toEqual([]);
    expect(plan([taking, starting], ['solo']).start).toEqual([]);
    expect(plan([taking, solo, solo], ['solo']).start).toEqual([]);
  });

  it('keeps an idle solo runner for a while', () => {
    const rested = { ...starting, idleMs: 31_000 };

    expect(plan([taking, { ...starting, idleMs: 20_000 }]).retire).toEqual([]);
    expect(plan([taking, rested]).retire).toEqual([rested]);
  });
});
