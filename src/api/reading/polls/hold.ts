/** Holds a request until there is news, its time is up, its client leaves, or the process stops. */
import type { ServerResponse } from 'node:http';
import type { WaitEnd, Watchers } from '../watchers.ts';

/**
 * @param watch called at once, with the function to call when there is news; returns a function that stops it
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
      // The wait may have ended while it was set up.
      if (ended !== undefined) letGo();
      // The client left before the listener was added, so that its `close` will not come.
      else if (response.req.socket.destroyed) end('left');
    } catch (error) {
      letGo();
      reject(error);
    }
  });
}
