/** The server writes times in UTC; here they become the reader's own. */
import { formatLocal } from './format.js';

/** @param {ParentNode} root */
export function localiseTimes(root) {
  const now = new Date();
  for (const time of root.querySelectorAll('time')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = at.toString();
    time.textContent = formatLocal(at, now);
  }
}
