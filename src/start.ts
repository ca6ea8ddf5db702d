/**
 * Starts the service as the command line does. The embedded PostgreSQL starts while the code of the service is
 * loaded, so this file must itself load little.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { beginEmbeddedPostgres } from './database/embedded/postgres.ts';
import type { Service } from './service.ts';

/**
 * Starts the parts that the role needs, and resolves when the service answers requests and runs tasks.
 * @param calledOff aborts a start that is under way: the parts that have started are stopped, and its
 *   reason is thrown
 * @throws {EmbeddedPostgresError | DatabaseSetupError | JobFileError | Error} the reason why it cannot
 *   start
 */
export async function startService(
  config: Config,
  calledOff: AbortSignal = new AbortController().signal,
): Promise<Service> {
  const logging = Promise.withResolvers<Logger>();
  const postgres =
    config.databaseUrl === undefined
      ? await beginEmbeddedPostgres({
          dataDir: config.dataDir,
          log: (level, message) => void logging.promise.then((log) => log[level](message)),
        })
      : undefined;
  try {
    const { createLog } = await import('./logging/log.ts');
    const log = createLog(config.logLevel, 'headway');
    logging.resolve(log);
    const { Service } = await loadService(postgres?.isNew ?? false);
    return await Service.start(config, log, postgres, calledOff);
  } catch (error) {
    await postgres?.stop();
    throw error;
  }
}

/**
 * Loads the code of the service, the largest packages one by one. Between two of them the event loop has a turn,
 * in which the server starts as soon as its data folder is made.
 * @param isNewDatabase whether pg-boss has to install its schema
 */
async function loadService(isNewDatabase: boolean): Promise<typeof import('./service.ts')> {
  const packages: (() => Promise<unknown>)[] = [
    () => import('pg'),
    () => import('zod'),
    () => import('fastify'),
  ];
  if (isNewDatabase) packages.push(() => import('pg-boss'));
  for (const load of packages) {
    await load();
    await nextTurn();
  }
  return import('./service.ts');
}
