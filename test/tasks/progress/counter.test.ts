import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProgressReport } from '../../../src/tasks/model/progress-report.ts';
import {
  maxLogLineLength,
  maxLogLines,
  maxMessageLength,
  maxUnitLength,
  ProgressCounter,
} from '../../../src/tasks/progress/counter.ts';
import { flushProgress } from '../../../src/tasks/progress/flush.ts';
import { runMany, useStore } from '../../support/tasks.ts';

const hostile = {
  toString() {
    throw new Error('no text');
  },
  valueOf() {
    throw new Error('no number');
  },
};

/** Whatever a job written in plain JavaScript may pass. */
const anything = fc.oneof(
  { weight: 4, arbitrary: fc.double() },
  { weight: 4, arbitrary: fc.integer({ min: -10, max: 1000 }) },
  fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -0,
    -0.5,
    Number.MAX_VALUE,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_VALUE,
    undefined,
    null,
    true,
    '7',
    7n,
    Symbol('seven'),
    {},
    [],
    hostile,
    Object.create(null),
    () => 7,
    new Date(Number.NaN),
  ),
  fc.string({ unit: 'binary' }),
);

const call = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('progress' as const), fc.array(anything, { maxLength: 3 })) },
  fc.tuple(fc.constant('setUnit' as const), fc.array(anything, { minLength: 1, maxLength: 1 })),
  fc.tuple(fc.constant('addLogLine' as const), fc.array(anything, { minLength: 1, maxLength: 1 })),
  fc.tuple(fc.constant('take' as const), fc.constant([])),
);
const calls = fc.array(call, { maxLength: 60 });

/** Makes the calls, and takes a report at each `take` and at the end. */
function reportsOf(script: readonly (readonly [string, readonly unknown[]])[]): ProgressReport[] {
  const counter = new ProgressCounter();
  let atMs = 0;
  const reports = script.flatMap(([name, args]) => {
    atMs += 500;
    if (name === 'take') return [counter.take(atMs)];
    const method = Reflect.get(counter, name) as (...args: readonly unknown[]) => void;
    method.apply(counter, args as unknown[]);
    return [];
  });
  return [...reports, counter.take(atMs + 500)];
}

function counterWith(report: (counter: ProgressCounter) => void): ProgressReport {
  const counter = new ProgressCounter();
  report(counter);
  return counter.take(0);
}

describe('the progress counter', () => {
  it('reports what it was told', () => {
    const report = counterWith((counter) => {
      counter.setUnit('rows');
      counter.progress(25, 100, 'Reading');
      counter.addLogLine('skipped line 17');
    });

    expect(report).toEqual({
      percentDone: 25,
      done: 25,
      total: 100,
      unit: 'rows',
      ratePerSecond: null,
      etaSeconds: null,
      progressedMsAgo: 0,
      message: 'Reading',
      log: ['skipped line 17'],
    });
  });

  it('keeps the total and the message that were given before', () => {
    const report = counterWith((counter) => {
      counter.progress(1, 100, 'Reading');
      counter.progress(50);
    });

    expect(report).toMatchObject({ done: 50, total: 100, percentDone: 50, message: 'Reading' });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 9, '20', 20n, null, {}])(
    'keeps the last value where done is %s',
    (done) => {
      const report = counterWith((counter) => {
        counter.progress(10, 100);
        counter.progress(done as number);
      });

      expect(report).toMatchObject({ done: 10, total: 100 });
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -5, '200', 200n, null])(
    'has no total where the total is %s',
    (total) => {
      const report = counterWith((counter) => {
        counter.progress(10, 100);
        counter.take(0);
        counter.progress(20, total as number);
      });

      expect(report).toMatchObject({ done: 20, total: null, percentDone: 10 });
    },
  );

  it('shows done over total, and stops short of 100', () => {
    expect(counterWith((counter) => counter.progress(100, 100)).percentDone).toBe(99.9);
    expect(counterWith((counter) => counter.progress(300, 100))).toMatchObject({
      done: 300,
      total: 100,
      percentDone: 99.9,
    });
  });

  it('says how long ago there was progress, also where a report could not be written', () => {
    const counter = new ProgressCounter(0);
    counter.progress(0, 100);
    const announced = counter.take(0).progressedMsAgo;
    counter.progress(1);
    counter.putBack(counter.take(1000));
    const written = counter.take(5000).progressedMsAgo;
    counter.progress(1, 100, 'Waiting');

    expect([announced, written, counter.take(9000).progressedMsAgo]).toEqual([null, 4000, 8000]);
  });

  it('keeps its percentage where the total grows', () => {
    const counter = new ProgressCounter();
    counter.progress(50, 100);
    counter.take(0);

    counter.progress(51, 1000);

    expect(counter.take(0)).toMatchObject({ done: 51, total: 1000, percentDone: 50 });
  });

  it('is dirty only when something visible has changed', () => {
    const counter = new ProgressCounter();
    expect(counter.isDirty).toBe(false);
    counter.progress(-0.5);
    counter.progress(Number.NaN, 0);
    expect(counter.isDirty).toBe(false);

    counter.progress(10, 100, 'Reading');
    expect(counter.isDirty).toBe(true);

    counter.take(0);
    counter.progress(10, 100, 'Reading');
    counter.progress(5);
    expect(counter.isDirty).toBe(false);
  });

  it('keeps a limited number of lines of limited length, and says that there were more', () => {
    const counter = new ProgressCounter();
    for (let line = 0; line < maxLogLines + 500; line += 1) counter.addLogLine('x'.repeat(5000));

    const { log } = counter.take(0);

    expect(log).toHaveLength(maxLogLines + 1);
    expect(log[0]).toHaveLength(maxLogLineLength);
    expect(log.at(-1)).toBe('Only the first 200 lines are kept');
  });

  it('keeps no more lines when reports are taken in between', () => {
    const counter = new ProgressCounter();
    const taken = Array.from({ length: 300 }, () => {
      counter.addLogLine('line');
      return counter.take(0).log.length;
    });

    expect(taken.reduce((sum, lines) => sum + lines)).toBe(maxLogLines + 1);
  });

  it('whatever it is told, never throws and reports only what is plain, finite and within bounds', () => {
    fc.assert(
      fc.property(calls, (script) => {
        for (const report of reportsOf(script)) {
          expect(report.percentDone).toBeGreaterThanOrEqual(0);
          expect(report.percentDone).toBeLessThanOrEqual(99.9);
          for (const count of [report.done, report.total, report.ratePerSecond, report.etaSeconds]) {
            expect(
              count === null || (typeof count === 'number' && Number.isFinite(count) && count >= 0),
            ).toBe(true);
          }
          for (const text of [report.unit ?? '', report.message ?? '', ...report.log]) {
            expect(typeof text).toBe('string');
            expect(text.isWellFormed()).toBe(true);
            expect(text).not.toContain('\0');
          }
          expect(report.unit?.length ?? 0).toBeLessThanOrEqual(maxUnitLength);
          expect(report.message?.length ?? 0).toBeLessThanOrEqual(maxMessageLength);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('whatever it is told, neither done nor the percentage ever falls', () => {
    fc.assert(
      fc.property(calls, (script) => {
        const reports = reportsOf(script);
        const percents = reports.map((report) => report.percentDone);
        const dones = reports.map((report) => report.done ?? -1);

        expect(percents).toEqual(percents.toSorted((a, b) => a - b));
        expect(dones).toEqual(dones.toSorted((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });

  it('loses nothing where a report is put back: the next report has its values, and its lines first', () => {
    const counter = new ProgressCounter();
    counter.progress(10, 100, 'Reading');
    counter.addLogLine('one');
    const unwritten = counter.take(0);
    counter.addLogLine('two');

    counter.putBack(unwritten);

    expect(counter.isDirty).toBe(true);
    expect(counter.take(0)).toMatchObject({ done: 10, total: 100, message: 'Reading', log: ['one', 'two'] });
    expect(counter.isDirty).toBe(false);
  });

  it('reports the same in the end, whichever reports could not be written at first', () => {
    fc.assert(
      fc.property(calls, fc.infiniteStream(fc.boolean()), (script, failures) => {
        const counter = new ProgressCounter();
        const written: string[] = [];
        const flush = (fails: boolean) => {
          const report = counter.take(0);
          if (fails) counter.putBack(report);
          else written.push(...report.log);
        };
        for (const [name, args] of script) {
          if (name === 'take') flush(failures.next().value === true);
          else (Reflect.get(counter, name) as (...args: unknown[]) => void).apply(counter, args);
        }
        const last = counter.take(0);

        const straight = reportsOf(script.filter(([name]) => name !== 'take')).at(-1);
        expect([...written, ...last.log]).toEqual(straight?.log);
        expect(last).toMatchObject({
          done: straight?.done,
          total: straight?.total,
          message: straight?.message,
        });
      }),
    );
  });
});

describe('PostgreSQL', () => {
  const store = useStore();

  it('takes every report that a counter can give', async () => {
    const tasks = await runMany(store, 100);
    const reports = fc.sample(calls, 100).map((script) => reportsOf(script).at(-1));
    const items = tasks.map(({ taskId, attempt }, i) => ({ taskId, attempt, report: reports[i] }));

    const answers = await flushProgress(store, tasks[0]?.workerId ?? '', items);

    expect(answers).toHaveLength(100);
    expect(answers.every((answer) => answer.wasWritten)).toBe(true);
    const { prisma } = store.db;
    const rows = await prisma.taskState.findMany();
    const lines = await prisma.taskEvent.findMany({ where: { kind: 'log' } });
    for (const { taskId, report } of items) {
      const { log, progressedMsAgo, ...values } = report ?? { log: [], progressedMsAgo: null };
      const row = rows.find(({ id }) => id === taskId);
      // Negative zero is zero in the row, as in JSON.
      expect(row).toMatchObject(JSON.parse(JSON.stringify(values)));
      expect(lines.filter((line) => line.taskId === taskId)).toHaveLength(log.length);
    }
  });
});
