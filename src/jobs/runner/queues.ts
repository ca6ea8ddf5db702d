/** Which queues a runner takes work from. */
import { soloQueue } from '../../tasks/queue/names.ts';
import type { JobRegistry } from '../registry.ts';

/** `solo`: a runner with one slot, for tasks that may not run beside others. */
export const runnerKinds = ['shared', 'solo'] as const;
export type RunnerKind = (typeof runnerKinds)[number];

/**
 * A solo runner takes the tasks whose workers died twice in a row, and all tasks of isolated jobs. It also
 * reads the ordinary queue of an isolated job: tasks may wait there since before the job became isolated, and
 * no other runner reads that queue.
 */
export function queuesFor(kind: RunnerKind, registry: JobRegistry): string[] {
  const isIsolated = (type: string) => registry.get(type)?.isolated === true;
  if (kind === 'shared') return registry.types.filter((type) => !isIsolated(type));
  return [...registry.types.map(soloQueue), ...registry.types.filter(isIsolated)];
}
