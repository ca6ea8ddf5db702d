/** Rules for all SQL in the code, read from the source. */
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { projectDir } from '../../src/config.ts';

const sources: { file: string; text: string }[] = [];
for await (const file of glob('src/**/*.ts', { cwd: projectDir })) {
  if (file.startsWith('src/generated/')) continue;
  sources.push({ file, text: await readFile(path.join(projectDir, file), 'utf8') });
}

const findings = (pattern: RegExp, except: (file: string) => boolean) =>
  sources
    .filter(({ file }) => !except(file))
    .flatMap(({ file, text }) => (text.match(pattern) ?? []).map((found) => `${file}: ${found}`));

it('finds the sources', () => {
  expect(sources.length).toBeGreaterThan(150);
});

it('names tables of Headway with their schema, by database/names.ts', () => {
  const table = /\b(FROM|JOIN|UPDATE|INTO|TABLE)\s+(task_\w+|file_chunk|file|dataset\w*)\b/g;

  expect(findings(table, () => false)).toEqual([]);
});

it("names pg-boss's schema and tables in one room", () => {
  const boss = /\bpgboss\.|from 'pg-boss'/g;

  expect(findings(boss, (file) => file.startsWith('src/tasks/queue/'))).toEqual([]);
});

it('names channels and advisory locks in one place', () => {
  const names = /'headway_(queue|progress)'|advisory\w*lock\(\s*\d/g;

  expect(findings(names, (file) => file === 'src/database/names.ts')).toEqual([]);
});
