/** Which runners there should be: decided from what is known of those that are there. */
import type { RunnerKind } from '../runner/queues.ts';

/** A runner, as far as this decision goes. */
export interface Member {
  readonly kind: RunnerKind;
  /** It takes new work, or will when it has started. */
  readonly isTaking: boolean;
  /** It takes nothing new beside code that ignores its deadline, and ends with what else runs in it. */
  readonly isDraining: boolean;
  readonly isStandingStill: boolean;
  /** It cannot take more work now, or not for certain. One that starts will be able to. */
  readonly isBusy: boolean;
  /** For how long nothing has run in it; 0 while it starts. */
  readonly idleMs: number;
}

export interface CrewNeeds {
  /** How many shared runners there should be. */
  readonly runners: number;
  /** Kinds of runner for which work has waited longer than one that is free would let it. */
  readonly waiting: ReadonlySet<RunnerKind>;
  /** For how long no shared runner has stood still. */
  readonly calmMs: number;
}

export interface CrewPlan<M extends Member> {
  readonly start: readonly RunnerKind[];
  /** They are to take nothing new, and to end. */
  readonly retire: readonly M[];
  /** A place stays empty, as there are too many that are draining. */
  readonly isHeldUp: boolean;
}

/** Each has about 100 MB and up to 11 connections. */
const maxSpares = 2;
const maxSolo = 2;
/** Where jobs ignore their deadlines beside others that take hours, each replacement may soon drain, too. */
const maxDraining = 2;
/** A job that has blocked its runner may do it again: its spare is kept for so long. */
const spareCalmMs = 10_000;
const soloIdleMs = 30_000;

/**
 * Missing shared runners are replaced, as long as no more than two that drain stand beside them. While some stand
 * still and work waits, spares stand in for them: there are then more shared runners than there should be, and idle
 * ones go when all turn again. Solo runners are started when there is work for them, used again, and go when there
 * has been none.
 */
export function planCrew<M extends Member>(members: readonly M[], needs: CrewNeeds): CrewPlan<M> {
  const taking = members.filter((member) => member.isTaking);
  const draining = members.filter(({ kind, isDraining }) => kind === 'shared' && isDraining).length;
  const shared = planShared(
    taking.filter(({ kind }) => kind === 'shared'),
    draining,
    needs,
  );
  const solo = planSolo(
    taking.filter(({ kind }) => kind === 'solo'),
    needs,
  );
  return {
    start: [...shared.start, ...solo.start],
    retire: [...shared.retire, ...solo.retire],
    isHeldUp: shared.isHeldUp,
  };
}

function planShared<M extends Member>(
  taking: readonly M[],
  draining: number,
  { runners, waiting, calmMs }: CrewNeeds,
): CrewPlan<M> {
  const spares = taking.length - runners;
  if (spares < 0) return fill(-spares, -spares + maxDraining - draining);
  const still = taking.filter((member) => member.isStandingStill).length;
  if (waiting.has('shared') && still > spares && spares < maxSpares) return fill(1, 1);
  if (calmMs < spareCalmMs) return nothing;
  return {
    ...nothing,
    retire: spares === 0 ? [] : taking.filter((member) => member.idleMs > 0).slice(-spares),
  };
}

const nothing = { start: [], retire: [], isHeldUp: false } as const;

function fill(missing: number, room: number): CrewPlan<never> {
  const length = Math.max(0, Math.min(missing, room));
  return { ...nothing, start: Array.from({ length }, () => 'shared' as const), isHeldUp: length < missing };
}

function planSolo<M extends Member>(taking: readonly M[], { waiting }: CrewNeeds): CrewPlan<M> {
  // One that starts is not busy: what waits may be for it.
  const areAllBusy = taking.every((member) => member.isBusy);
  if (waiting.has('solo') && areAllBusy && taking.length < maxSolo) return { ...nothing, start: ['solo'] };
  return { ...nothing, retire: taking.filter((member) => member.idleMs > soloIdleMs) };
}
