/**
 * The life of a task: every legal move, written once. A claim and a person's retry take their states from
 * here. A statement that decides between several states (an end, a loss, a cancel) spells them out in its
 * SQL; the tests check every move of every row against this table.
 */
import type { TaskStatus } from '../../generated/prisma/enums.ts';

export type { TaskStatus };

interface Transition {
  readonly from: readonly TaskStatus[];
  readonly to: readonly TaskStatus[];
  readonly when: string;
}

export const transitions = {
  claim: { from: ['queued'], to: ['running'], when: 'a runner takes the task: a new attempt begins' },
  succeed: {
    from: ['running'],
    to: ['succeeded'],
    when: 'the attempt returned, also when cancel was requested meanwhile: its effects exist',
  },
  fail: {
    from: ['running'],
    to: ['queued', 'failed', 'cancelled'],
    when: 'the attempt threw or timed out: queued while tries are left, cancelled where a cancel was requested',
  },
  handBack: {
    from: ['running'],
    to: ['queued', 'cancelled'],
    when: 'the runner stops before the attempt has ended; the try is not spent',
  },
  lose: {
    from: ['running'],
    to: ['queued', 'failed', 'cancelled'],
    when: 'the runner died: a failure where the task ran alone; where others ran beside it, none is blamed',
  },
  cancelQueued: { from: ['queued'], to: ['cancelled'], when: 'cancel was requested before a runner took it' },
  retry: { from: ['failed', 'cancelled'], to: ['queued'], when: 'a person asks for it' },
  revive: {
    from: ['failed'],
    to: ['running'],
    when: 'an external task that was given up as lost reports again',
  },
} as const satisfies Record<string, Transition>;

export const terminalStatuses = ['succeeded', 'failed', 'cancelled'] as const satisfies TaskStatus[];

export function isTerminal(status: TaskStatus): boolean {
  return (terminalStatuses as readonly TaskStatus[]).includes(status);
}

/** Whether a person may retry a task. `retryTask` applies the same rule to the row that it has locked. */
export function mayRetry(task: {
  status: TaskStatus;
  /** Only external tasks have one: their work is done outside Headway. */
  reportTokenHash: string | null;
  /** The task that has its key now. */
  replacedBy: string | null;
}): boolean {
  const { from } = transitions.retry;
  const hasRetriableStatus = (from as readonly TaskStatus[]).includes(task.status);
  return hasRetriableStatus && task.reportTokenHash === null && task.replacedBy === null;
}

/** Whether some transition leads from one status to the other. */
export function mayMove(from: TaskStatus, to: TaskStatus): boolean {
  return Object.values<Transition>(transitions).some(
    (transition) => transition.from.includes(from) && transition.to.includes(to),
  );
}

/**
 * SQL that is true while a row of `task_state` is finished, in the words of the partial index on
 * `expires_at`.
 */
export const isFinishedSql = `status IN (${terminalStatuses.map((status) => `'${status}'`).join(', ')})`;
