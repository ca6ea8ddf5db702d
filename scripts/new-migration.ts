/** `npm run migrate:new -- <name>`: writes the migration from the last one to schema.prisma. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { migrate } from '../src/database/migrations/migrate.ts';
import { migrationsFolder } from '../src/database/migrations/migrations.ts';
import { diffToSchema } from './schema-engine.ts';
import { withScratch } from './scratch.ts';

const [name] = process.argv.slice(2);
if (name === undefined || !/^[a-z0-9_]+$/.test(name)) {
  process.stderr.write('Usage: npm run migrate:new -- <name>, in lower case with underscores\n');
  process.exit(1);
}

const sql = await withScratch(async (url) => {
  await migrate(url);
  return diffToSchema(url);
});
if (sql === '') {
  process.stdout.write('The migrations already lead to schema.prisma.\n');
} else {
  const timestamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const file = path.join(migrationsFolder, `${timestamp}_${name}`, 'migration.sql');
  await mkdir(path.dirname(file));
  await writeFile(file, sql);
  process.stdout.write(
    `${path.relative(process.cwd(), file)}\nRead the migration, and make sure that a running older version still works after it.\n`,
  );
}
