/** Many tasks in one answer: their JSON side by side, under one validator. */
import type { QueuePlaces } from '../../../tasks/snapshots/queue-places.ts';
import { type TaskSnapshot, whenToAskAgain } from '../task-answer.ts';
import { digest, entityTag } from './etag.ts';

/** `[{…},{…}]`, from the bytes that the snapshots already hold. */
export function jsonArray(tasks: readonly TaskSnapshot[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [index, { answer }] of tasks.entries()) {
    if (index > 0) parts.push(comma);
    parts.push(answer.brief);
  }
  return Buffer.concat([...parts, Buffer.from(']')]);
}

const comma = Buffer.from(',');

/**
 * The version of many tasks together: the sum of their versions, which rises with every change of a task, and
 * a digest of the ids and versions, as the sum may be the same again after a deletion. It is opaque to
 * clients, who only compare it with other versions of the same URL.
 */
export function versionOf(tasks: readonly TaskSnapshot[]): string {
  const parts = tasks.map(({ id, version }) => `${id} ${version}`);
  return `${sumOfVersions(tasks)}.${digest(parts.join('\n'), 12)}`;
}

/**
 * The validator of many tasks, in the order in which they are sent.
 * @param version what `versionOf` returned for them
 * @param unknown ids of the answer that no task has
 */
export function etagOf(
  tasks: readonly TaskSnapshot[],
  version: string,
  unknown: readonly string[] = [],
): string {
  const parts = tasks.map(({ id, answer }) => `${id} ${answer.etag}`);
  return entityTag([...parts, ...unknown].join('\n'), version);
}

export function sumOfVersions(tasks: readonly TaskSnapshot[]): number {
  return tasks.reduce((sum, { version }) => sum + version, 0);
}

export function areFinished(tasks: readonly TaskSnapshot[]): boolean {
  return tasks.every(({ answer }) => answer.isFinished);
}

/** Seconds until the first of the tasks may have news; undefined when all are finished. */
export function soonestNews(tasks: readonly TaskSnapshot[], places: QueuePlaces): number | undefined {
  const seconds = tasks.flatMap(({ answer }) => whenToAskAgain(answer, places) ?? []);
  return seconds.length === 0 ? undefined : Math.min(...seconds);
}
