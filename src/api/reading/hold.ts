/** Holds a request until there is news, its time is up, its client leaves, or the process stops. */
import type { ServerResponse } from 'node:http';
import type { WaitEnd, Watchers } from './watchers.ts';

/**
 * @param watch called at once, with what to call when there is news; returns how to stop watching
 * @throws {HttpProblem} 503 when too many clients wait
 */
export function hold(
  watchers: Watchers,
  response: ServerResponse,
  seconds: number,
  watch: (onNews: () => void) => () => void,
): Promise<WaitEnd> {
  return new Promise((resolve, reject) => {
    let ended: WaitEnd | undefined;
    const undo: (() => void)[] = [];
    const letGo = () => {
      for (const each of undo.splice(0)) each();
    };
    const end = (how: WaitEnd) => {
      if (ended !== undefined) return;
      ended = how;
      letGo();
      resolve(how);
    };
    const onClose = () => end('left');
    try {
      undo.push(watchers.enter(response.req, () => end('stopping')));
      const deadline = watchers.after(seconds * 1000, () => end('time'));
      undo.push(() => deadline.cancel());
      response.on('close', onClose);
      undo.push(() => response.off('close', onClose));
      undo.push(watch(() => end('news')));
      // It may have ended while it began.
      if (ended !== undefined) letGo();
      // It had left before: its close has passed.
      else if (response.req.socket.destroyed) end('left');
    } catch (error) {
      letGo();
      reject(error);
    }
  });
}
