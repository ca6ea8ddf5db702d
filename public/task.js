/** Keeps a task's page up to date: shows what polling brings, and renews the sections below the bar. */
import { createConnectionLine } from './connection.js';
import { find } from './dom.js';
import { newsIn, poll } from './poll.js';
import { isFinished } from './progress.js';
import { keepSections } from './sections.js';
import { createTaskView } from './task-view.js';
import { isTask } from './task-words.js';

/** About as often as the service looks for changes. News that comes faster is shown together. */
const spacingMs = 300;

const root = document.querySelector('main');
if (root) void follow(root);

/** @param {HTMLElement} root */
async function follow(root) {
  const view = createTaskView(root);
  const sections = keepSections(location.pathname, view);
  const connection = createConnectionLine(find(root, '[data-connection]', HTMLElement));
  // The first answer has the state with which the page was rendered a moment ago.
  let isFirst = true;

  for await (const answer of poll(location.pathname, { isState: isTask, isFinished, spacingMs })) {
    const news = newsIn(answer);
    if (news) {
      view.show(news.state);
      if (!isFirst) sections.changed();
      isFirst = false;
    }
    connection.take(answer);
    if (answer.kind === 'gone') {
      view.showGone();
      sections.stop();
      connection.ended('This task is no longer here: it has expired or was deleted.');
    }
  }
}
