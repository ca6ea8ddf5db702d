/** The server writes times in UTC; here they become the reader's own. */
import { formatLocal } from './format.js';

/** How often it is looked whether another day has begun. */
const lookMs = 60_000;

let day = new Date().toDateString();
setInterval(() => {
  const today = new Date().toDateString();
  if (today === day) return;
  day = today;
  // What was said of today is without its date.
  localiseTimes(document);
}, lookMs);

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
