/** The server writes times in UTC; this module shows them in the reader's time zone. */
import { formatLocal } from './format.js';

/** How often to check whether another day has begun. */
const lookMs = 60_000;

let day = new Date().toDateString();
setInterval(() => {
  const today = new Date().toDateString();
  if (today === day) return;
  day = today;
  // Times of yesterday were shown without their date.
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
