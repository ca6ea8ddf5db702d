/** GET /tasks/:id/events: streams the states of a task until it is finished. */
import type { FastifyInstance, FastifyReply } from 'fastify';

import type { ApiContext } from '../../context.ts';
import { askerOf, withinAnswerTime } from '../../http/answer-time.ts';
import { idFrom } from '../../http/params.ts';
import { unknownTask } from '../../http/problems.ts';
import { write } from '../polls/pollable.ts';
import type { Reading } from '../reading.ts';
import type { TaskSnapshot } from '../task-answer.ts';

import { EventStream, eventOf, sendStreamHead } from './event-stream.ts';

export function taskEventRoutes(app: FastifyInstance, { reading }: ApiContext): void {
  const config = { isPublic: true, isPolled: true };
  app.get('/tasks/:id/events', { config }, async (request, reply) => {
    const id = idFrom(request.params);
    const seen = lastSeen(request.headers['last-event-id']);
    const { snapshots } = reading;
    const snapshot =
      snapshots.current(id, seen) ?? (await withinAnswerTime(snapshots.read(id, { asker: askerOf(reply) })));
    if (!snapshot) throw unknownTask();
    // A stock EventSource reconnects after a stream has ended. A 204 tells it to stop.
    if (snapshot.answer.isFinished && snapshot.version === seen) {
      write(reply, 204, ['cache-control', 'no-store', 'x-content-type-options', 'nosniff']);
    } else if (request.method === 'HEAD') sendStreamHead(reply);
    else streamTask(reading, reply, snapshot, seen);
    return undefined;
  });
}

/** The version of the last event that the client got; 0 if there is no id, or not one of ours. */
function lastSeen(lastEventId: string | string[] | undefined): number {
  return typeof lastEventId === 'string' && /^\d{1,10}$/.test(lastEventId) ? Number(lastEventId) : 0;
}

function streamTask(reading: Reading, reply: FastifyReply, found: TaskSnapshot, seen: number): void {
  const stream = new EventStream(reading.watchers, reply);
  let latestVersion = seen;
  const tell = (snapshot: TaskSnapshot) => {
    if (snapshot.version !== latestVersion) stream.send(snapshot.id, taskEvent(snapshot));
    latestVersion = snapshot.version;
    if (!snapshot.answer.isFinished) return;
    stream.send('end', eventOf('end', JSON.stringify({ id: snapshot.id, status: snapshot.answer.status })));
    stream.close();
  };
  const gone = (id: string) => {
    stream.send('gone', eventOf('gone', JSON.stringify({ id })));
    stream.close();
  };
  stream.follow(() => {
    tell(found);
    return found.answer.isFinished
      ? () => undefined
      : reading.snapshots.watch(found, { changed: tell, gone });
  });
}

const events = new WeakMap<TaskSnapshot, Buffer>();

/** The event of a snapshot, made once for all streams. */
export function taskEvent(snapshot: TaskSnapshot): Buffer {
  const known = events.get(snapshot);
  if (known) return known;
  const event = eventOf('task', snapshot.answer.json, snapshot.version);
  events.set(snapshot, event);
  return event;
}
