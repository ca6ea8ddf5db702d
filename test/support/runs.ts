/**
 * Runs of work with a simulated clock, and their replay through the code that tells the time left: the
 * counter, the report, the row, its view and its words, at the times at which a runner's writer writes.
 */
import { describeTask } from '../../public/task-words.js';
import type { ProgressReport } from '../../src/tasks/model/progress-report.ts';
import type { TaskRow } from '../../src/tasks/model/row.ts';
import { viewTask } from '../../src/tasks/model/view.ts';
import { ProgressCounter } from '../../src/tasks/progress/counter.ts';

/** How the work goes on: stretches of time with the units that are done in each, evenly. */
export interface Run {
  readonly stretches: readonly { readonly ms: number; readonly units: number }[];
  /** The job reports whenever it has done so many units more, or at these times, in milliseconds. */
  readonly calls: number | readonly number[];
  /** Whether the job reports 0 of its total before it begins. */
  readonly announces: boolean;
  /** From where on the attempt goes on: units that earlier attempts did. */
  readonly resumedAt?: number;
}

/** What readers know from one write until the next. */
export interface Known {
  readonly atMs: number;
  readonly etaSeconds: number | null;
  readonly words: string;
}

/** The writer looks this often whether a write is due; between two writes there are `writeMs`. */
const lookMs = 25;
const writeMs = 510;
/** The clock does not begin at 0. */
const startMs = 1_000_000;

export function lengthMs({ stretches }: Run): number {
  return stretches.reduce((sum, { ms }) => sum + ms, 0);
}

/** All that readers get to know of the run, with times from its start. */
export function replay(run: Run): Known[] {
  const { announces, resumedAt = 0 } = run;
  const calls = callsOf(run);
  const total = resumedAt + calls.units;
  const counter = new ProgressCounter(resumedAt > 0 ? undefined : startMs);
  const known: Known[] = [];
  let lastWriteMs = Number.NEGATIVE_INFINITY;
  let call = announces || resumedAt > 0 ? 0 : 1;
  for (;;) {
    const dueMs = call === 0 ? 0 : calls.timeOf(call);
    const atMs = Math.ceil(Math.max(dueMs, lastWriteMs + writeMs) / lookMs) * lookMs;
    call = Math.max(call, calls.lastUntil(atMs));
    const done = call === 0 ? 0 : calls.doneAt(call);
    if (call >= calls.count || done >= calls.units) return known;
    counter.progress(resumedAt + done, total);
    call += 1;
    if (!counter.isDirty) continue;
    const view = viewTask(rowWith(counter.take(startMs + atMs)), () => undefined);
    known.push({ atMs, etaSeconds: view.etaSeconds, words: describeTask(view).texts.time });
    lastWriteMs = atMs;
  }
}

/** The job's calls, counted from 1. */
function callsOf({ stretches, calls }: Run) {
  const units = stretches.reduce((sum, stretch) => sum + stretch.units, 0);
  const clock = clockOf(stretches);
  if (typeof calls === 'number') {
    return {
      units,
      count: Math.max(1, Math.round(units / calls)),
      timeOf: (call: number) => clock.timeOf(Math.min(units, call * calls)),
      lastUntil: (ms: number) => Math.floor(clock.unitsAt(ms) / calls + 1e-9),
      doneAt: (call: number) => call * calls,
    };
  }
  const endMs = stretches.reduce((sum, { ms }) => sum + ms, 0);
  const timeOf = (call: number) => calls[call - 1] ?? endMs;
  return {
    units,
    count: calls.length + 1,
    timeOf,
    lastUntil: (ms: number) => countUntil(calls, ms),
    doneAt: (call: number) => Math.floor(clock.unitsAt(timeOf(call)) + 1e-9),
  };
}

function countUntil(times: readonly number[], ms: number): number {
  const index = times.findIndex((time) => time > ms);
  return index === -1 ? times.length : index;
}

function clockOf(stretches: Run['stretches']) {
  const marks = [{ ms: 0, units: 0 }];
  for (const { ms, units } of stretches) {
    const last = marks.at(-1) ?? { ms: 0, units: 0 };
    marks.push({ ms: last.ms + ms, units: last.units + units });
  }
  return {
    timeOf: (units: number) => between(marks, 'units', 'ms', units),
    unitsAt: (ms: number) => between(marks, 'ms', 'units', ms),
  };
}

type Mark = { readonly ms: number; readonly units: number };

function between(marks: readonly Mark[], known: keyof Mark, asked: keyof Mark, value: number): number {
  let low = 0;
  let high = marks.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[middle] as Mark)[known] < value) low = middle + 1;
    else high = middle;
  }
  const to = marks[low] as Mark;
  const from = marks[low - 1] ?? to;
  if (value >= to[known] || to === from) return to[asked];
  return from[asked] + ((value - from[known]) / (to[known] - from[known])) * (to[asked] - from[asked]);
}

const at = new Date('2026-01-02T03:04:05.678Z');

function rowWith({ log, progressedMsAgo, ...report }: ProgressReport): TaskRow {
  return {
    id: '01890000-0000-7000-8000-000000000001',
    type: 'noop',
    key: null,
    group: null,
    title: 'A run',
    status: 'running',
    attempt: 1,
    failures: 0,
    losses: 0,
    maxAttempts: 3,
    nextAttemptAt: null,
    workerId: null,
    checkpointNo: 0,
    result: null,
    error: null,
    cancelRequestedAt: null,
    replacedBy: null,
    reportTokenHash: null,
    version: 1,
    createdAt: at,
    startedAt: at,
    progressedAt: at,
    updatedAt: at,
    finishedAt: null,
    expiresAt: null,
    ...report,
  };
}

export interface Judgement {
  /** The share of the time from `fromMs` to the end in which the time left was right within a factor of 2. */
  readonly rightShare: number;
  /** The same where readers count down from the time at which it was told. */
  readonly rightShareCountedDown: number;
  /** How often what was shown grew by more than a fifth. */
  readonly growths: number;
  readonly jsonGrowths: number;
  /** The smallest and the largest told time as a share of the true one, while the true one is 3 s or more. */
  readonly least: number;
  readonly most: number;
}

export function judge(run: Run, known: readonly Known[], fromMs = lengthMs(run) / 10): Judgement {
  const endMs = lengthMs(run);
  const looks = 500;
  let right = 0;
  let rightCounted = 0;
  let index = -1;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let look = 0; look < looks; look += 1) {
    const nowMs = fromMs + ((endMs - fromMs) * (look + 0.5)) / looks;
    while ((known[index + 1]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs) index += 1;
    const { etaSeconds = null, atMs = 0 } = known[index] ?? {};
    if (etaSeconds === null) continue;
    const truth = (endMs - nowMs) / 1000;
    const ratio = etaSeconds / truth;
    const counted = Math.max(0, etaSeconds - (nowMs - atMs) / 1000) / truth;
    if (ratio >= 0.5 && ratio <= 2) right += 1;
    if (counted >= 0.5 && counted <= 2) rightCounted += 1;
    if (truth >= 3) {
      least = Math.min(least, ratio);
      most = Math.max(most, ratio);
    }
  }
  return {
    rightShare: right / looks,
    rightShareCountedDown: rightCounted / looks,
    growths: growthsOf(known.map(({ words }) => secondsIn(words))),
    jsonGrowths: growthsOf(known.map(({ etaSeconds }) => etaSeconds)),
    least,
    most,
  };
}

function growthsOf(shown: readonly (number | null)[]): number {
  const told = shown.filter((seconds) => seconds !== null);
  return told.filter((seconds, index) => index > 0 && seconds > 1.2 * (told[index - 1] ?? 0)).length;
}

const secondsOf: Record<string, number> = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 };

/** The number that the words tell, in seconds; null where they tell none. */
export function secondsIn(words: string): number | null {
  if (words === '') return null;
  if (words === 'a few seconds left') return 5;
  if (words.startsWith('more than')) return 100 * 86_400;
  const found = /^about (an?|[\d.,]+) (second|minute|hour|day|week)s? left$/.exec(words);
  if (!found) throw new Error(`These words tell no time: ${words}`);
  const [, count = '', unit = ''] = found;
  return (count.startsWith('a') ? 1 : Number(count)) * (secondsOf[unit] ?? Number.NaN);
}
