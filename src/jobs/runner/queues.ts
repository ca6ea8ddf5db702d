/** Which queues a runner takes work from. */
import { soloQueue } from '../../tasks/queue/names.ts';
import type { JobRegistry } from '../registry.ts';

/** `solo`: one slot, for what may not run beside others. */
export const runnerKinds = ['shared', 'solo'] as const;
export type RunnerKind = (typeof runnerKinds)[number];

/**
 * A solo runner takes the tasks that lost two workers in a row, and all of the isolated jobs, whose own
 * queue no other runner looks at: a job may become isolated while tasks of its type wait.
 */
export function queuesFor(kind: RunnerKind, registry: JobRegistry): string[] {
  const isIsolated = (type: string) => registry.get(type)?.isolated === true;
  if (kind === 'shared') return registry.types.filter((type) => !isIsolated(type));
  return [...registry.types.map(soloQueue), ...registry.types.filter(isIsolated)];
}
