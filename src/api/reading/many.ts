/** GET /tasks?ids=a,b,…: the states of many tasks in one poll. Each id is a capability, so no key is needed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import { withinAnswerTime } from '../deadline.ts';
import { invalidInput } from '../problems.ts';
import { areFinished, jsonArray, soonestNews, versionsOf } from './collection.ts';
import { collectionEtag } from './etag.ts';
import { answerPoll, type Pollable } from './pollable.ts';
import { cacheControl, type TaskSnapshot } from './task-answer.ts';

const maxIds = 100;

const query = z.strictObject({
  ids: z
    .string('one list of ids, separated by commas')
    .transform((list) => [...new Set(list.split(',').map((id) => id.trim().toLowerCase()))])
    .pipe(z.array(z.guid('not a UUID')).max(maxIds, `at most ${maxIds} ids`)),
});

/** @throws {HttpProblem} 400 for ids that are none */
export async function readMany(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const asked = query.safeParse(request.query);
  if (!asked.success) throw invalidInput(asked.error);
  const { snapshots } = context.reading;
  const { ids } = asked.data;
  // First reads that are asked for together share a statement.
  const found = await withinAnswerTime(Promise.all(ids.map((id) => snapshots.find(id))));
  const tasks = found.filter((snapshot) => snapshot !== undefined);
  await answerPoll(context.reading, request, reply, pollableTasks(context, ids, tasks));
}

/** In the order of `ids`; those that there are not, or not any more, are named. */
function pollableTasks(
  { config, reading }: ApiContext,
  ids: readonly string[],
  found: TaskSnapshot[],
): Pollable {
  const latest = new Map(found.map((snapshot) => [snapshot.id, snapshot]));
  const { snapshots, surroundings } = reading;
  return {
    state() {
      const tasks = ids.flatMap((id) => latest.get(id) ?? []);
      const unknown = ids.filter((id) => !latest.has(id));
      return {
        get json() {
          return Buffer.concat([
            Buffer.from('{"tasks":'),
            jsonArray(tasks),
            Buffer.from(`,"unknown":${JSON.stringify(unknown)}}`),
          ]);
        },
        etag: collectionEtag([...versionsOf(tasks), ...unknown]),
        isFinished: areFinished(tasks),
        get retryAfterSeconds() {
          return soonestNews(tasks, surroundings.places);
        },
      };
    },
    watch(onChange) {
      const watcher = {
        changed(snapshot: TaskSnapshot) {
          latest.set(snapshot.id, snapshot);
          onChange();
        },
        gone(id: string) {
          latest.delete(id);
          onChange();
        },
      };
      const unwatch = [...latest.values()].map((snapshot) => snapshots.watch(snapshot, watcher));
      return () => {
        for (const stop of unwatch) stop();
      };
    },
    keep(ms) {
      for (const snapshot of latest.values()) snapshots.keep(snapshot, ms);
    },
    cacheControl: cacheControl(config.publicCacheSeconds),
  };
}
