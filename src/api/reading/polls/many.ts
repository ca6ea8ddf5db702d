/** GET /tasks?ids=a,b,…: the states of many tasks in one poll. Each id is a capability, so no key is needed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import type { ApiContext } from '../../context.ts';
import { askerOf, withinAnswerTime } from '../../http/answer-time.ts';
import { requireJson } from '../../http/negotiation.ts';
import { invalidInput } from '../../http/problems.ts';
import { briefOf, cacheControl, type TaskSnapshot } from '../task-answer.ts';

import { areFinished, etagOf, jsonArray, soonestNews, sumOfVersions, versionOf } from './collection.ts';
import { answerPoll, type Pollable } from './pollable.ts';
import { afterCollection, seenBy } from './seen.ts';

const maxIds = 100;

const query = z.strictObject({
  ids: z
    .string('must be one list of ids, separated by commas')
    .transform((list) => [...new Set(list.split(',').map((id) => id.trim().toLowerCase()))])
    .pipe(z.array(z.guid('is not a UUID')).max(maxIds, `must have at most ${maxIds} ids`)),
  after: afterCollection,
});

/** @throws {HttpProblem} 400 for ids that are not UUIDs, 406 for a client that does not accept JSON */
export async function readMany(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  requireJson(request.headers.accept);
  const asked = query.safeParse(request.query);
  if (!asked.success) throw invalidInput(asked.error);
  const { snapshots } = context.reading;
  const { ids, after } = asked.data;
  const seen = seenBy(request.headers['if-none-match'], after);
  // Tasks that are not in memory share a statement. Tasks that are asked for alone are read before them.
  const options = { isOneOfMany: ids.length > 1, asker: askerOf(reply) };
  const all = async (find: (id: string) => Promise<TaskSnapshot | undefined>) => {
    if (ids.some((id) => !snapshots.current(id))) snapshots.checkRoomForMany();
    const found = await withinAnswerTime(Promise.all(ids.map(find)));
    return found.filter((snapshot) => snapshot !== undefined);
  };
  let tasks = await all((id) => snapshots.find(id, 0, options));
  // The client has newer versions than memory, from another process: reads all tasks.
  if (seen.atLeast > sumOfVersions(tasks)) tasks = await all((id) => snapshots.read(id, options));
  await answerPoll(context.reading, request, reply, pollableTasks(context, ids, tasks), seen);
}

/** The tasks in the order of `ids`. Ids without a task, or whose task is deleted, are in `unknown`. */
function pollableTasks(
  { config, reading }: ApiContext,
  ids: readonly string[],
  found: TaskSnapshot[],
): Pollable {
  const latest = new Map(found.map((snapshot) => [snapshot.id, briefOf(snapshot)]));
  const { snapshots, pageDetails } = reading;
  return {
    state() {
      const tasks = ids.flatMap((id) => latest.get(id) ?? []);
      const unknown = ids.filter((id) => !latest.has(id));
      const version = versionOf(tasks);
      return {
        get json() {
          return Buffer.concat([
            Buffer.from(`{"version":"${version}","tasks":`),
            jsonArray(tasks),
            Buffer.from(`,"unknown":${JSON.stringify(unknown)}}`),
          ]);
        },
        version,
        get etag() {
          return etagOf(tasks, version, unknown);
        },
        isFinished: areFinished(tasks),
        get retryAfterSeconds() {
          return soonestNews(tasks, pageDetails.places);
        },
      };
    },
    watch(onChange) {
      const watcher = {
        changed(snapshot: TaskSnapshot) {
          latest.set(snapshot.id, briefOf(snapshot));
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
    get isFresh() {
      return snapshots.isFresh;
    },
    keep(ms) {
      for (const snapshot of latest.values()) snapshots.keep(snapshot, ms);
    },
    cacheControl: cacheControl(config.publicCacheSeconds),
  };
}
