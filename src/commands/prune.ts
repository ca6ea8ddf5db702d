/** `headway prune`: deletes finished tasks by hand. */
import type pg from 'pg';
import { z } from 'zod';
import { formatBytes, formatCount } from '../../public/format.js';
import { loadConfig } from '../config.ts';
import { terminalStatuses } from '../tasks/model/state-machine.ts';
import { typePattern } from '../tasks/model/type.ts';
import { DurationError, parseDuration } from '../tasks/upkeep/duration.ts';
import { sweepFiles } from '../tasks/upkeep/file-sweep.ts';
import { type PruneFilter, type PruneSurvey, prune, surveyPrune, timeAgo } from '../tasks/upkeep/prune.ts';
import { withConnection } from './database.ts';
import { CommandError, UsageError } from './exit-errors.ts';
import { terminalWords } from './options.ts';
import { confirm, isInteractive, plain, say } from './terminal.ts';

const progressMs = 1_000;

const optionsShape = z.strictObject({
  olderThan: z.string().transform((text, context) => {
    try {
      return parseDuration(text);
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  }),
  status: z
    .array(
      z.enum(terminalStatuses, {
        error: ({ input }) =>
          `expected ${terminalWords}, not ${JSON.stringify(input)}: only finished tasks can be pruned`,
      }),
    )
    .default([...terminalStatuses]),
  type: z.array(z.string().regex(typePattern, 'expected the type of a job, such as send-report')).optional(),
  group: z.string().min(1, 'expected the name of a group').optional(),
  dryRun: z.literal(true).optional(),
  yes: z.literal(true).optional(),
});

type PruneOptions = z.output<typeof optionsShape>;

function parseOptions(given: unknown): PruneOptions {
  const parsed = optionsShape.safeParse(given);
  if (parsed.success) return parsed.data;
  const findings = parsed.error.issues.map(({ path, message }) => {
    const name = String(path[0]).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return `--${name}: ${message}`;
  });
  throw new UsageError([...new Set(findings)].join('\n'));
}

/** @param given the options as commander has read them */
export function pruneByHand(given: unknown): Promise<void> {
  return pruneBy(parseOptions(given));
}

async function pruneBy({ olderThan, status, type, group, dryRun, yes }: PruneOptions): Promise<void> {
  if (!dryRun && !yes && !isInteractive())
    throw new UsageError(
      'there is no terminal to ask for a confirmation: use --yes to delete, or --dry-run to look',
    );

  await withConnection(loadConfig(process.env), 'headway prune', async (pool) => {
    const filter = { finishedBy: await timeAgo(pool, olderThan), statuses: status, types: type, group };
    const survey = await surveyPrune(pool, filter);
    for (const line of describe(filter, survey)) say(line);

    if (dryRun) return say('This was a dry run: nothing is deleted.');
    if (survey.tasks > 0 && !yes && !(await confirm(`Delete ${formatCount(survey.tasks, 'task')}?`)))
      return say('Nothing is deleted.');
    await deleteAll(pool, filter, survey.tasks);
  });
}

function describe(filter: PruneFilter, { tasks, files, bytes, sample }: PruneSurvey): string[] {
  const conditions = [
    filter.statuses.join(' or '),
    filter.types && `of type ${filter.types.join(' or ')}`,
    filter.group !== undefined && `of group ${plain(filter.group, 100)}`,
    `finished by ${filter.finishedBy.toISOString()}`,
  ].filter(Boolean);
  const found = `${formatCount(tasks, 'task')} (${conditions.join(', ')})`;
  if (tasks === 0) return [`${found}.`];

  const { rows, history, files: contents } = bytes;
  const total = formatBytes(rows + history + contents);
  return [
    `${found}, about ${total}: ${formatBytes(rows)} of rows, ${formatBytes(history)} of history, ${formatBytes(contents)} in ${formatCount(files, 'file')}.`,
    'The oldest:',
    ...sample.map(
      ({ id, finishedAt, status, type, title }) =>
        `  ${id}  ${finishedAt.toISOString()}  ${status}  ${type}  ${plain(title, 60)}`,
    ),
  ];
}

async function deleteAll(pool: pg.Pool, filter: PruneFilter, expected: number): Promise<void> {
  const stopping = new AbortController();
  // `once`, so that a second Ctrl-C ends the process at once, which does no harm either.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

  const begunAt = performance.now();
  let saidAt = begunAt;
  const deleted = await prune(pool, filter, {
    signal: stopping.signal,
    onBatch(count) {
      if (performance.now() - saidAt < progressMs) return;
      saidAt = performance.now();
      say(`Deleted ${count.toLocaleString('en')} of ${formatCount(expected, 'task')} …`);
    },
  });
  // The sweep also deletes files that an earlier prune left behind when it was killed.
  if (!stopping.signal.aborted) await sweepFiles(pool, stopping.signal);

  say(`Deleted ${formatCount(deleted, 'task')} in ${((performance.now() - begunAt) / 1000).toFixed(1)} s.`);
  if (stopping.signal.aborted) throw new CommandError('Stopped. Run the command again to delete the rest.');
  const { tasks: left } = await surveyPrune(pool, filter);
  if (left > 0)
    throw new CommandError(
      `${formatCount(left, 'task')} could not be deleted, because others had locked their rows: run the command again.`,
    );
}
