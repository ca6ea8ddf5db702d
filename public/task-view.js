/**
 * The task's page as something to write to: the bar and the texts from the task's state, the sections
 * (notices, result, history, cancel) from the page that the server would render now.
 *
 * @import { Task, Texts } from './task-words.js'
 */
import { formatLocal } from './format.js';
import { localiseTimes } from './local-times.js';
import { describeTask, isOlder, stateKey } from './task-words.js';

/** @param {HTMLElement} root the page's main element */
export function createTaskView(root) {
  const bar = find(root, 'progress', HTMLProgressElement);
  const connection = find(root, '[data-connection]', HTMLElement);
  const announcer = find(root, '[data-announcer]', HTMLElement);
  /** The sections as the server sent them, before their times became local. */
  const sections = new Map([...sectionsOf(root)].map((section) => [section.id, section.innerHTML]));
  /** @type {Task | undefined} */
  let shown;
  let sectionsState = root.dataset.state ?? '';
  let announcedState = sectionsState;
  let heardAt = new Date();
  localiseTimes(root);

  return {
    /**
     * Shows a state, unless a newer one has been shown already.
     * @param {Task} task
     */
    show(task) {
      if (shown && isOlder(task, shown)) return;
      shown = task;
      const words = describeTask(task);
      document.title = words.documentTitle;
      root.dataset.status = task.status;
      if (words.bar === null) bar.removeAttribute('value');
      else bar.value = words.bar;
      for (const element of root.querySelectorAll('[data-live]')) {
        const name = /** @type {keyof Texts} */ (element.getAttribute('data-live'));
        setText(element, words.texts[name]);
      }
    },

    /** Whether the sections were rendered for another state than the one shown. */
    hasOutdatedSections() {
      if (root.dataset.status === 'gone') return false;
      return shown !== undefined && stateKey(shown) !== sectionsState;
    },

    /**
     * Takes over those sections of a newer rendering that differ; what is open or focused elsewhere stays.
     * @param {Document} page
     */
    replaceSections(page) {
      const main = page.querySelector('main');
      if (!main?.dataset.state) return;
      for (const section of sectionsOf(main)) {
        const own = document.getElementById(section.id);
        if (!own || sections.get(section.id) === section.innerHTML) continue;
        sections.set(section.id, section.innerHTML);
        const open = [...own.querySelectorAll('details')].map((details) => details.open);
        own.replaceChildren(...section.childNodes);
        for (const [index, details] of own.querySelectorAll('details').entries())
          details.open = open[index] ?? false;
        localiseTimes(own);
      }
      sectionsState = main.dataset.state;
      announceState();
    },

    /** @param {boolean} isLost */
    showConnection(isLost) {
      if (!isLost) heardAt = new Date();
      const lastNews = `This is how it stood at ${formatLocal(heardAt, new Date())}.`;
      setText(connection, isLost ? `Connection lost, trying again… ${lastNews}` : '');
    },

    showGone() {
      document.title = `Gone · ${document.title.replace(/^.* · /, '')}`;
      root.dataset.status = 'gone';
      setText(connection, 'This task is no longer here: it has expired or was deleted.');
      document.getElementById('actions')?.replaceChildren();
    },
  };

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

/**
 * @param {Element} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (element instanceof type) return element;
  throw new Error(`The page has no ${selector}`);
}
