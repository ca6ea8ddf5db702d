/** What has happened to a task, as sentences. */
import { html } from 'ghtml';
import { formatNumber } from '../../../public/format.js';
import type { HistoryEntry } from '../../tasks/queries/read.ts';
import type { Blame } from '../../tasks/workers/workers.ts';
import { time } from './elements.ts';

/** The page shows this many of the newest entries; the older ones are folded away. */
const shownEntries = 25;

export interface HistoryOptions {
  /** Whether another attempt would go on from saved progress. */
  readonly hasCheckpoint: boolean;
}

/** How the next attempt begins, in words that follow "the task". */
export function wayOn({ hasCheckpoint }: HistoryOptions): string {
  return hasCheckpoint ? 'goes on from where it was saved' : 'starts again from the beginning';
}

/** Newest entries first, so that the state of the task is at the top, even of a long log. */
export function renderHistory(history: HistoryEntry[], options: HistoryOptions): string {
  if (history.length === 0) return '';
  const items = history.map((entry, index) => entryItem(entry, history[index + 1], options)).reverse();
  const earlier = items.slice(shownEntries);
  return html`<h2>History</h2>
!${entryList(items.slice(0, shownEntries), items.length)}
!${earlier.length === 0 ? '' : html`<details><summary>${formatNumber(earlier.length)} earlier entries</summary>!${entryList(earlier, earlier.length)}</details>`}`;
}

function entryList(items: string[], start: number): string {
  return html`<ol class="history" reversed start="${start}">!${items}</ol>`;
}

function entryItem(entry: HistoryEntry, next: HistoryEntry | undefined, options: HistoryOptions): string {
  const detail = readDetail(entry.detail);
  // A code that only repeats what happened helps nobody.
  const code =
    detail.code === undefined || detail.code === entry.kind || entry.kind === 'cancelled'
      ? ''
      : html` <small><code>${detail.code}</code></small>`;
  return html`<li data-kind="${entry.kind}">!${time(entry.at)} <span class="what">!${sentence(entry, detail, next, options)}!${code}</span></li>`;
}

/** Returns HTML. */
function sentence(
  entry: HistoryEntry,
  detail: Detail,
  next: HistoryEntry | undefined,
  options: HistoryOptions,
): string {
  const { message } = detail;
  switch (entry.kind) {
    case 'submitted':
      return 'Submitted';
    case 'started':
      return entry.attempt > 1 ? 'Started again' : 'Started';
    case 'retrying':
      return html`${failedTry(detail)}!${reasonOf(message)}!${nextTry(detail)}`;
    case 'handed_back':
      return html`Handed back to the queue${because(message)}; the task ${wayOn(asOf(detail, options))}`;
    case 'worker_lost':
      return html`${message ?? 'The worker died'}${blameSentence(detail)}!${isEndOf(entry, next) ? '' : goesOn(detail, options)}`;
    case 'cancel_requested':
      return 'Cancelling was requested';
    case 'cancelled':
      return 'Cancelled';
    case 'succeeded':
      return html`Finished${message === undefined ? '' : `. ${message}`}`;
    case 'failed':
      return html`Failed!${reasonOf(message)}`;
    case 'retried':
      return detail.from === 'start' ? 'Retried by a person, from the start' : 'Retried by a person';
    case 'requeued':
      return html`Put back into the queue${because(message)}`;
    case 'log':
      return html`<span class="log" dir="auto">${detail.text ?? ''}</span>`;
    default:
      return html`${plainWords(entry.kind)}${because(message ?? detail.text)}`;
  }
}

/** Whether the loss ended the task, because the task had no try left or was asked to cancel. */
function isEndOf(entry: HistoryEntry, next: HistoryEntry | undefined): boolean {
  return next?.attempt === entry.attempt && (next.kind === 'failed' || next.kind === 'cancelled');
}

/**
 * Whether there was a checkpoint when the attempt ended. An event that an earlier version of Headway wrote
 * does not say it; for such an event, the present checkpoint decides.
 */
function asOf({ hasCheckpoint }: Detail, options: HistoryOptions): HistoryOptions {
  return hasCheckpoint === undefined ? options : { hasCheckpoint };
}

function goesOn(detail: Detail, options: HistoryOptions): string {
  return html`. The task ${wayOn(asOf(detail, options))}!${nextTry(detail)}`;
}

/** Why a worker was lost, as far as is known, and so whether the loss spent a try. */
const blameWords: Readonly<Record<Blame, string>> = {
  alone: 'The task ran alone in that worker and had saved nothing in this try, so the try is spent',
  repeated: 'From the tenth loss in a row on, each loss spends a try',
  company: 'Other tasks ran in that worker, too, so no try is spent',
  neighbour: 'Another task had blocked that worker, so no try is spent',
  unseen: 'Nobody saw why (perhaps the service of that worker was lost, too), so no try is spent',
  progressed: 'The task had saved progress in this try, so the try is not spent',
};

const blames = Object.keys(blameWords) as Blame[];

/** Why the worker was lost, as a second sentence; empty if an earlier version of Headway wrote the event. */
function blameSentence({ blame }: Detail): string {
  return blame === undefined ? '' : `. ${blameWords[blame]}`;
}

/** Why a worker was lost, as a sentence of its own, made from the detail of the event. */
export function lossWords(detail: unknown): string {
  const { blame } = readDetail(detail);
  return blame === undefined ? '' : `${blameWords[blame]}.`;
}

function failedTry({ failures, maxAttempts }: Detail): string {
  if (failures === undefined || maxAttempts === undefined) return 'The try failed';
  return `Try ${failures} of ${maxAttempts} failed`;
}

function nextTry({ nextAttemptAt }: Detail): string {
  return nextAttemptAt === undefined ? '' : html`. Next try: !${time(new Date(nextAttemptAt))}`;
}

/** Returns HTML. `<bdi>` isolates the message, as its text may run in another direction than our words. */
function reasonOf(message: string | undefined): string {
  return message === undefined ? '' : html`: <bdi>${message}</bdi>`;
}

function because(text: string | undefined): string {
  return text === undefined ? '' : ` (${text})`;
}

/** `entry_settled` as "Entry settled". */
function plainWords(code: string): string {
  const words = /^[a-z]+(_[a-z]+)*$/.test(code) ? code.replaceAll('_', ' ') : code;
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

interface Detail {
  message?: string | undefined;
  code?: string | undefined;
  from?: string | undefined;
  text?: string | undefined;
  nextAttemptAt?: string | undefined;
  failures?: number | undefined;
  maxAttempts?: number | undefined;
  blame?: Blame | undefined;
  hasCheckpoint?: boolean | undefined;
}

/** Another version of Headway may have written the detail: a field of another type is left out. */
function readDetail(detail: unknown): Detail {
  if (typeof detail !== 'object' || detail === null) return {};
  const fields = new Map<string, unknown>(Object.entries(detail));
  const text = (name: string) => {
    const value = fields.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const number = (name: string) => {
    const value = fields.get(name);
    return typeof value === 'number' ? value : undefined;
  };
  const flag = (name: string) => {
    const value = fields.get(name);
    return typeof value === 'boolean' ? value : undefined;
  };
  return {
    message: text('message'),
    code: text('code'),
    from: text('from'),
    text: text('text'),
    nextAttemptAt: text('nextAttemptAt'),
    failures: number('failures'),
    maxAttempts: number('maxAttempts'),
    blame: blames.find((blame) => blame === fields.get('blame')),
    hasCheckpoint: flag('hasCheckpoint'),
  };
}
