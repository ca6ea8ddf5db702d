/**
 * The tests of the embedded PostgreSQL run this file as a separate process: it uses the server of the data
 * folder in its arguments until its input tells it to stop, and reports in lines of JSON. It ignores Ctrl-C.
 * With the argument `durable` the server runs with fsync, as for users.
 */
import { once } from 'node:events';
import { startEmbeddedPostgres } from '../../src/database/embedded/postgres.ts';

const [dataDir = '', durability, native] = process.argv.slice(2);
const report = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

process.on('SIGINT', () => undefined);
try {
  const server = await startEmbeddedPostgres({
    dataDir,
    log: () => undefined,
    settings: durability === 'durable' ? {} : { fsync: 'off' },
    ...(native === undefined ? {} : { native }),
  });
  report({ url: server.url, startedHere: server.startedHere });
  await once(process.stdin, 'data');
  await server.stop();
  process.exit(0);
} catch (error) {
  report({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  process.exit(1);
}
