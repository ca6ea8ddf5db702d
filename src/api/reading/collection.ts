/** Many tasks in one answer: their JSON side by side, under one validator. */
import type { QueuePlaces } from '../../tasks/snapshots/queue-places.ts';
import { type TaskSnapshot, whenToAskAgain } from './task-answer.ts';

/** `[{…},{…}]`, of bytes that are there already. */
export function jsonArray(tasks: readonly TaskSnapshot[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [index, { answer }] of tasks.entries()) {
    if (index > 0) parts.push(comma);
    parts.push(answer.json);
  }
  return Buffer.concat([...parts, Buffer.from(']')]);
}

const comma = Buffer.from(',');

/** For `collectionEtag`. */
export function versionsOf(tasks: readonly TaskSnapshot[]): string[] {
  return tasks.map(({ id, version }) => `${id} ${version}`);
}

export function areFinished(tasks: readonly TaskSnapshot[]): boolean {
  return tasks.every(({ answer }) => answer.isFinished);
}

/** Seconds until the first of them may have news; undefined when all are finished. */
export function soonestNews(tasks: readonly TaskSnapshot[], places: QueuePlaces): number | undefined {
  const seconds = tasks.flatMap(({ answer }) => whenToAskAgain(answer, places) ?? []);
  return seconds.length === 0 ? undefined : Math.min(...seconds);
}
