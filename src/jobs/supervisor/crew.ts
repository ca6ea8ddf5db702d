/** Decides which runners to start and which to retire, from the state of the runners that exist. */
import type { RunnerKind } from '../runner/queues.ts';

/** The facts about a runner on which the decision depends. */
export interface Member {
  readonly kind: RunnerKind;
  /** The runner takes new work, or will take it once it has started. */
  readonly isTaking: boolean;
  /**
   * The runner takes no new work, because a job in it ignores its deadline or because the runner is not
   * needed. It is ended when its attempts have ended.
   */
  readonly isDraining: boolean;
  readonly isStandingStill: boolean;
  /**
   * The runner has work or stands still, so it may be unable to take more. False for a runner that still
   * starts.
   */
  readonly isBusy: boolean;
  /** For how long the runner has had no work, in milliseconds; 0 while it starts. */
  readonly idleMs: number;
}

export interface CrewNeeds {
  /** How many shared runners there should be. */
  readonly runners: number;
  /** Kinds of runner for which work waits, for longer than a free runner would need to take it. */
  readonly waiting: ReadonlySet<RunnerKind>;
  /** Milliseconds since a shared runner last stood still. */
  readonly calmMs: number;
}

export interface CrewPlan<M extends Member> {
  readonly start: readonly RunnerKind[];
  /** Runners that must take no new work, and then end. */
  readonly retire: readonly M[];
  /** A missing runner is not replaced, because too many runners are draining. */
  readonly isHeldUp: boolean;
}

/** Limits, because each runner needs about 100 MB and up to 11 database connections. */
const maxSpares = 2;
const maxSolo = 2;
/**
 * A runner that drains may wait for hours for its other jobs, and the job that ignored its deadline may come
 * to the replacement, too. Without a limit, such runners would pile up.
 */
const maxDraining = 2;
/**
 * A job that blocked its runner may block it again, so spares stay until no runner has stood still for this
 * long.
 */
const spareCalmMs = 10_000;
const soloIdleMs = 30_000;

/**
 * Shared runners: missing ones are replaced, but with the draining ones there are never more than two above
 * the wanted number. While a shared runner stands still and work waits, a spare is started on top of that
 * number; idle runners above it are retired once no runner has stood still for 10 s. Solo runners: started
 * when work waits for them, used again, and retired after 30 s without work.
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
  // A solo runner that still starts counts as free: it will take the work that waits.
  const areAllBusy = taking.every((member) => member.isBusy);
  if (waiting.has('solo') && areAllBusy && taking.length < maxSolo) return { ...nothing, start: ['solo'] };
  return { ...nothing, retire: taking.filter((member) => member.idleMs > soloIdleMs) };
}

/** Whether the event loop of a shared runner stands still, so that others have to take what waits. */
export function standsStill(children: readonly { kind: RunnerKind; isStandingStill: boolean }[]): boolean {
  return children.some((child) => child.kind === 'shared' && child.isStandingStill);
}
