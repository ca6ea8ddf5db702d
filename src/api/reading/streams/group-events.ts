/** GET /groups/:group/events: streams the states of all tasks of a group, also of tasks that join later. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Group } from '../../../tasks/snapshots/group.ts';
import type { ApiContext } from '../../context.ts';
import { withinAnswerTime } from '../../http/answer-time.ts';
import { groupFrom } from '../../http/params.ts';
import type { Reading } from '../reading.ts';
import type { TaskAnswer, TaskSnapshot } from '../task-answer.ts';
import { EventStream, eventOf, sendStreamHead } from './event-stream.ts';
import { taskEvent } from './task-events.ts';

export function groupEventRoutes(app: FastifyInstance, { reading }: ApiContext): void {
  app.get('/groups/:group/events', { config: { isPolled: true } }, async (request, reply) => {
    const group = await withinAnswerTime(reading.groups.find(groupFrom(request.params)));
    if (request.method === 'HEAD') sendStreamHead(reply);
    else streamGroup(reading, reply, group);
  });
}

/** Sends the full state, oldest task first, then each change. A group has no end: tasks may always join. */
function streamGroup(reading: Reading, reply: FastifyReply, group: Group<TaskAnswer>): void {
  const stream = new EventStream(reading.watchers, reply);
  const tell = (snapshot: TaskSnapshot) => stream.send(snapshot.id, taskEvent(snapshot));
  stream.follow(() => {
    for (const snapshot of group.tasks.toReversed()) tell(snapshot);
    return reading.groups.watch(group, {
      changed: tell,
      gone: (id) => stream.send(id, eventOf('gone', JSON.stringify({ id }))),
    });
  });
}
