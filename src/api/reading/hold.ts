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
    const onClose = () => end('left');
    let letGo = () => undefined as unknown;
    const end = (how: WaitEnd) => {
      if (ended !== undefined) return;
      ended = how;
      letGo();
      resolve(how);
    };
    try {
      const leave = watchers.enter(() => end('stopping'));
      const deadline = watchers.after(seconds * 1000, () => end('time'));
      response.on('close', onClose);
      const unwatch = watch(() => end('news'));
      letGo = () => {
        leave();
        deadline.cancel();
        response.off('close', onClose);
        unwatch();
      };
      // It may have ended before there was anything to let go of.
      if (ended !== undefined) letGo();
      // It had left before: its close has passed.
      else if (response.req.socket.destroyed) end('left');
    } catch (error) {
      reject(error);
    }
  });
}
