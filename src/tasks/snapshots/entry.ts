/** What is known of a task in the refresh set. */
import type { Snapshot, Watcher } from './snapshots.ts';

export interface Entry<Answer> {
  readonly id: string;
  /** Counts entries as they are made. It decides in which tick a finished task is read: see `Rotation`. */
  readonly number: number;
  /** Whether the newest version known is that of a finished task. */
  isFinished: boolean;
  /** The newest version known; its snapshot may be missing. */
  version: number;
  /** The version of the newest snapshot that watchers were told of. */
  toldVersion: number;
  /** `version` when the refresh in flight began. */
  versionAtRefresh: number;
  snapshot: Snapshot<Answer> | undefined;
  /** Until when polls keep the task in the set, by `performance.now()`. */
  pollsUntilMs: number;
  watchers: Set<Watcher<Answer>> | undefined;
}

let entries = 0;

/** An entry for a task of which nothing is known yet. */
export function newEntry<Answer>(id: string, pollsUntilMs: number): Entry<Answer> {
  entries += 1;
  return {
    id,
    number: entries,
    isFinished: false,
    version: 0,
    toldVersion: 0,
    versionAtRefresh: 0,
    snapshot: undefined,
    pollsUntilMs,
    watchers: undefined,
  };
}
