/** `npm run migrate:check`: checks that schema.prisma, the migrations and the generated client agree. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { migrate } from '../src/database/migrations/migrate.ts';
import { diffToSchema } from './schema-engine.ts';
import { withScratch } from './scratch.ts';

const project = fileURLToPath(new URL('..', import.meta.url));
const clientFolder = 'src/generated/prisma';

const faults = await withScratch(async (url, folder) => [
  ...(await compareMigrations(url)),
  ...(await compareClient(folder)),
]);
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
} else {
  process.stdout.write('schema.prisma, the migrations and the generated client agree.\n');
}

async function compareMigrations(url: string): Promise<string[]> {
  await migrate(url);
  const sql = await diffToSchema(url);
  if (sql === '') return [];
  return [`The migrations do not lead to schema.prisma. Run npm run migrate:new -- <name>. Missing:\n${sql}`];
}

/**
 * Generates the client from a copy of the schema elsewhere: the schema names the client's folder by a
 * relative path.
 */
async function compareClient(folder: string): Promise<string[]> {
  const schema = path.join(folder, 'prisma', 'schema.prisma');
  await mkdir(path.dirname(schema));
  await cp(path.join(project, 'prisma', 'schema.prisma'), schema);
  const prisma = createRequire(import.meta.url).resolve('prisma/build/index.js');
  await promisify(execFile)(process.execPath, [prisma, 'generate', '--schema', schema], { cwd: project });

  const [expected, found] = await Promise.all([
    readFiles(path.join(folder, clientFolder)),
    readFiles(path.join(project, clientFolder)),
  ]);
  const names = new Set([...expected.keys(), ...found.keys()]);
  const different = [...names].filter((name) => expected.get(name) !== found.get(name)).sort();
  if (different.length === 0) return [];
  return [
    `The generated client does not match schema.prisma. Run npm run generate. Different: ${different.join(', ')}`,
  ];
}

async function readFiles(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file) => [path.relative(folder, file), await readFile(file, 'utf8')] as const),
    ),
  );
}
