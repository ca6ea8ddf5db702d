/** What is known of a task in the refresh set. */
import type { Snapshot, Watcher } from './snapshot.ts';

export interface FollowedTask<Answer> {
  readonly id: string;
  /** Counts the tasks as they come into the set. It decides in which tick a finished task is read: see `Rotation`. */
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

let followed = 0;

/** A task that has just come into the refresh set: nothing is known of it yet. */
export function newFollowedTask<Answer>(id: string, pollsUntilMs: number): FollowedTask<Answer> {
  followed += 1;
  return {
    id,
    number: followed,
    isFinished: false,
    version: 0,
    toldVersion: 0,
    versionAtRefresh: 0,
    snapshot: undefined,
    pollsUntilMs,
    watchers: undefined,
  };
}
