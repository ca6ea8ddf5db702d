/**
 * Writes to the task's page: the bar and the texts from the task's state, and the sections (notices, result,
 * history, cancel) from a newer rendering of the page by the server.
 *
 * @import { Position } from './motion.js'
 * @import { Task, Texts } from './task-words.js'
 */
import { find, setBar, setText } from './dom.js';
import { localiseTimes } from './local-times.js';
import { createMotion } from './motion.js';
import { isFinished, withoutMeasures } from './progress.js';
import { createReports } from './reports.js';
import { createServiceClock } from './service-clock.js';
import { describeTask, endsIn, isOlder, movesOn, stateKey } from './task-words.js';

/** A twentieth of a percent of the widest bar is a third of a pixel. */
const stepPercent = 0.05;
/** The texts change at most this often: numbers that change with each frame cannot be read. */
const textsMs = 100;

/** @param {HTMLElement} root the page's main element */
export function createTaskView(root) {
  const bar = find(root, 'progress', HTMLProgressElement);
  const announcer = find(root, '[data-announcer]', HTMLElement);
  const motion = createMotion(showPosition, { stepPercent });
  const reports = createReports(() => showAgain(), Number(root.dataset.silentMs));
  const clock = createServiceClock(Number(root.dataset.nowMs));
  /** The sections as the server sent them, before their times became local. */
  const sections = new Map([...sectionsOf(root)].map((section) => [section.id, section.innerHTML]));
  /** @type {Task | undefined} */
  let shown;
  let sectionsState = root.dataset.state ?? '';
  let announcedState = sectionsState;
  let textsAtMs = 0;
  /** @type {Position | undefined} */
  let position;
  localiseTimes(root);

  return {
    /**
     * Shows a state, unless a newer one has been shown already.
     * @param {Task} task
     */
    show(task) {
      if (shown && isOlder(task, shown)) return;
      const before = shown;
      shown = task;
      reports.take(before, task);
      clock.when(Date.parse(task.overdueAt ?? ''), showAgain);
      root.dataset.status = task.status;
      textsAtMs = 0;
      const next = { percent: task.percentDone, done: task.done };
      if (before && movesOn(before, task)) motion.moveTo(next);
      else if (before && endsIn(before, task)) motion.endAt(next);
      else motion.jump(next);
    },

    get isFinished() {
      return shown !== undefined && isFinished(shown);
    },

    get hasNotice() {
      return root.querySelector('#notices .notice') !== null;
    },

    /** Whether the sections were rendered for another state than the state that is shown. */
    get hasOutdatedSections() {
      return shown !== undefined && stateKey(shown) !== sectionsState;
    },

    /**
     * Replaces the sections that differ in a newer rendering. What is open or focused stays so.
     * @param {Document} page
     */
    replaceSections(page) {
      const main = page.querySelector('main');
      if (!main?.dataset.state) return;
      for (const section of sectionsOf(main)) {
        const own = document.getElementById(section.id);
        if (!own || sections.get(section.id) === section.innerHTML) continue;
        sections.set(section.id, section.innerHTML);
        const focused = own.contains(document.activeElement)
          ? document.activeElement?.textContent
          : undefined;
        const open = [...own.querySelectorAll('details')].map((details) => details.open);
        own.replaceChildren(...section.childNodes);
        for (const [index, details] of own.querySelectorAll('details').entries())
          details.open = open[index] ?? false;
        localiseTimes(own);
        if (focused !== undefined) focusAgain(own, focused);
      }
      sectionsState = main.dataset.state;
      announceState();
    },

    showGone() {
      shown = undefined;
      document.title = `Gone · ${find(root, 'h1', HTMLElement).textContent}`;
      root.dataset.status = 'gone';
      setText(find(root, '[data-live=status]', HTMLElement), 'Gone');
      for (const measure of root.querySelectorAll('[data-live=time], [data-live=rate]')) setText(measure, '');
      document.getElementById('actions')?.replaceChildren();
    },
  };

  /** Shows the same state again, as the time that has passed may change the words. */
  function showAgain() {
    if (!shown) return;
    textsAtMs = 0;
    showPosition(position ?? { percent: shown.percentDone, done: shown.done });
  }

  /**
   * Shows the state, but with the position that the moving bar has reached.
   * @param {Position} next
   */
  function showPosition(next) {
    if (!shown) return;
    position = next;
    const { percent, done } = next;
    const task = reports.areMissing ? withoutMeasures(shown) : shown;
    const words = describeTask({ ...task, percentDone: percent, done }, clock.nowMs);
    setBar(bar, words.bar);
    const isThere = percent === shown.percentDone && done === shown.done;
    const nowMs = performance.now();
    if (nowMs < textsAtMs + textsMs && !isThere) return;
    textsAtMs = nowMs;
    if (document.title !== words.documentTitle) document.title = words.documentTitle;
    for (const element of root.querySelectorAll('[data-live]')) {
      const name = /** @type {keyof Texts} */ (element.getAttribute('data-live'));
      setText(element, words.texts[name]);
    }
  }

  /**
   * Focuses the element with the same name as before. Where there is none, focuses no other button: somebody
   * who is about to press the old button would press it by mistake.
   * @param {HTMLElement} section
   * @param {string | null | undefined} name
   */
  function focusAgain(section, name) {
    const candidates = [...section.querySelectorAll('a, button:enabled, summary, [tabindex]')];
    const again = candidates.find(({ textContent }) => textContent === name);
    (again instanceof HTMLElement ? again : find(root, '.status', HTMLElement)).focus();
  }

  /** Screen readers hear of changes of state, not of every percent. */
  function announceState() {
    if (sectionsState === announcedState) return;
    announcedState = sectionsState;
    const notices = [...root.querySelectorAll('[data-announce]')].map((notice) => notice.textContent.trim());
    const texts = [...root.querySelectorAll('[data-live=status], [data-live=try]')].map(
      (text) => text.textContent,
    );
    setText(announcer, [...texts.filter(Boolean), ...notices].join('. '));
  }
}

/** @param {ParentNode} root */
function sectionsOf(root) {
  return root.querySelectorAll('[data-section]');
}
