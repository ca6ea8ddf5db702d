/**
 * The commands with their options and help. The code of a command is loaded when the command runs, so that no
 * command waits for the code of another.
 */
import type { Command } from 'commander';
import { terminalStatuses } from '../tasks/model/state-machine.ts';
import { durationExamples } from '../tasks/upkeep/duration.ts';

/** The statuses of finished tasks, as a phrase. */
export const terminalWords = `${terminalStatuses.slice(0, -1).join(', ')} or ${terminalStatuses.at(-1)}`;

const pruneHelp = `
<duration> is ${durationExamples}. It is counted
from the end of each task, in months and years of the calendar. 0s means all finished tasks.

The command first prints how many tasks it would delete, about how much space they take, and the oldest ten. Then
it asks, and deletes the tasks with their history and files, in batches. It may run beside the service; you may
stop it and run it again at any time. It does not delete a task that somebody retries in the meantime, nor the data
that a task has written elsewhere.

Exit codes: 0 done, 1 an error or tasks that were left, 2 bad usage.

  headway prune --older-than 30d --status failed --type send-report --dry-run
  headway prune --older-than 0s --group nightly --yes`;

const doctorHelp = `
Examines the database at DATABASE_URL, or the embedded one. It checks that tasks, queue entries, workers and files
are consistent, that workers are alive, that a parent runs and repairs, and that retention keeps up; and it looks for
long transactions and for clocks that disagree. For each finding it prints what the finding means, what repairs it by
itself, and what to do if nothing does.

It changes nothing, and you may run it at any time. A violation younger than a lease and 7 s is not listed, because
the service is still repairing it. So set HEADWAY_LEASE_SECONDS as it is set for the service.

Unfinished tasks are read by index, which takes milliseconds, also beside a million finished tasks. Finished tasks and
their history are read if there are fewer than 200,000 tasks, or with --thorough, which takes some seconds for a
million.

Exit codes: 0 nothing is wrong, 1 findings, or the database could not be examined, 2 bad usage.`;

/** Adds the commands of people who operate a database. */
export function registerCommands(program: Command): void {
  program
    .command('migrate')
    .description('apply the migrations that the database lacks, and exit; `serve` applies them, too')
    .action(async () => (await import('./migrate.ts')).migrateOnly());

  program
    .command('prune')
    .description('delete finished tasks by hand')
    .requiredOption(
      '--older-than <duration>',
      'only tasks that finished at least this long ago, such as 30d or 12h',
    )
    .option('--status <status>', `only ${terminalWords}; may be repeated`, listed)
    .option('--type <type>', 'only tasks of this job; may be repeated', listed)
    .option('--group <group>', 'only tasks of this group')
    .option('--dry-run', 'print which tasks would be deleted, and delete nothing')
    .option('--yes', 'do not ask')
    .addHelpText('after', pruneHelp)
    .exitOverride(exitOfUsage)
    .action(async (options) => (await import('./prune.ts')).pruneByHand(options));

  program
    .command('doctor')
    .description('examine a live database and say what is wrong with it')
    .option('--thorough', 'also read all finished tasks and their history')
    .option('--json', 'print JSON, for programs')
    .addHelpText('after', doctorHelp)
    .exitOverride(exitOfUsage)
    .action(async (options) => (await import('./doctor.ts')).diagnose(options));
}

function exitOfUsage({ exitCode }: { exitCode: number }): never {
  process.exit(exitCode === 0 ? 0 : 2);
}

function listed(value: string, previous: readonly string[] = []): string[] {
  return [...previous, ...value.split(',').map((item) => item.trim())];
}
