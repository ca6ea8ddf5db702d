/** Many tasks in one answer: their JSON side by side, under one validator. */
import type { QueuePlaces } from '../../../tasks/snapshots/queue-places.ts';
import { type TaskSnapshot, whenToAskAgain } from '../task-answer.ts';
import { digest, entityTag } from './etag.ts';

/** `[{…},{…}]`, of bytes that are there already. */
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
 * The version of all of them together: the sum of theirs, which rises with every change of one, and which of them
 * there are in which version, as of two that differ by a deletion the later one may have the same sum. It is opaque
 * to clients, who compare it with others of the same URL.
 */
export function versionOf(tasks: readonly TaskSnapshot[]): string {
  const parts = tasks.map(({ id, version }) => `${id} ${version}`);
  return `${sumOfVersions(tasks)}.${digest(parts.join('\n'), 12)}`;
}

/**
 * Over the tasks in the order in which they are sent.
 * @param version theirs
 * @param unknown ids that are told of as well
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

/** Seconds until the first of them may have news; undefined when all are finished. */
export function soonestNews(tasks: readonly TaskSnapshot[], places: QueuePlaces): number | undefined {
  const seconds = tasks.flatMap(({ answer }) => whenToAskAgain(answer, places) ?? []);
  return seconds.length === 0 ? undefined : Math.min(...seconds);
}
