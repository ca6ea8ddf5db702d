import { execFileSync } from 'node:child_process';
import { chmod, chown, cp, lstat, mkdir, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { nativeFolder } from '../../src/database/embedded/binaries.ts';
import { socketFolder } from '../../src/database/embedded/layout.ts';
import {
  clusterOf,
  isLinux,
  isRoot,
  makeDataDir,
  nobody,
  query,
  startElsewhere,
  startHere,
} from '../support/embedded.ts';

describe('the path of the data folder', () => {
  test('may be too long for a socket', async () => {
    await using dir = await makeDataDir();
    const long = path.join(dir.path, 'l'.repeat(100));

    const first = await startHere(long);
    const second = await startElsewhere(long, { env: { ...process.env, TMPDIR: dir.path } });

    const folder = new URL(first.url).searchParams.get('host') ?? '';
    expect(folder).not.toContain(long);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(second.report).toEqual({ url: first.url, startedHere: false });
    await second.leave();
    await first.stop();
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  test('may hold spaces, quotes and commas', async () => {
    await using dir = await makeDataDir();

    const server = await startHere(path.join(dir.path, `it's "a", folder %20`));
    const rows = await query(server.url, 'SELECT 1 AS up');
    await server.stop();

    expect(rows).toEqual([{ up: 1 }]);
  });

  test.skipIf(!isRoot)('when long, is not served from a folder that somebody else made', async () => {
    await using dir = await makeDataDir();
    const long = path.join(dir.path, 'l'.repeat(100));
    const folder = socketFolder({ root: path.join(long, 'postgres') });
    await mkdir(folder);
    await chown(folder, 12_345, 12_345);

    const start = startHere(long);

    await expect(start).rejects.toThrow(`${folder} is meant for PostgreSQL's socket`);
    await rmdir(folder);
  });

  test('must not be a file', async () => {
    await using dir = await makeDataDir();
    const file = path.join(dir.path, 'file');
    await writeFile(file, '');

    await expect(startHere(path.join(file, 'data'))).rejects.toThrow(
      /^The data folder .* cannot be used \(ENOTDIR\): make it writable/,
    );
  });
});

describe.skipIf(!isRoot || !isLinux)('as root', () => {
  test('the server runs as an ordinary user, and its folder is closed to others', async () => {
    await using dir = await makeDataDir();

    const server = await startHere(dir.path);
    const owner = await stat(path.join(dir.path, 'postgres'));
    await server.stop();

    expect(owner.uid).not.toBe(0);
    expect(owner.mode & 0o777).toBe(0o700);
  });

  test('a folder that only root can enter works too, also after it was opened to others', async () => {
    await using dir = await makeDataDir();
    await chmod(dir.path, 0o700);
    const closed = await startHere(dir.path);
    await query(closed.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await closed.stop();
    await chmod(dir.path, 0o755);

    const opened = await startHere(dir.path);
    const rows = await query(opened.url, 'SELECT n FROM kept');
    await opened.stop();
    await chmod(dir.path, 0o700);
    const closedAgain = await startHere(dir.path);
    await closedAgain.stop();

    expect(rows).toEqual([{ n: 7 }]);
    expect((await stat(clusterOf(dir.path))).uid).toBe(0);
  });

  test('binaries that only root can reach can be run', async () => {
    await using dir = await makeDataDir();
    const closed = path.join(dir.path, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const native = await copyNative(closed);

    const user = await startElsewhere(path.join(dir.path, 'data'), { native });

    expect(user.report).toMatchObject({ startedHere: true });
    await user.leave();
  });
});

describe.skipIf(!isRoot)('as an ordinary user', () => {
  test('it works without write access to node_modules, and root may join', async () => {
    await using dir = await makeDataDir();
    await chown(dir.path, nobody.uid, nobody.gid);

    const user = await startElsewhere(dir.path, nobody);
    const root = await startHere(dir.path);

    expect(user.report).toEqual({ url: root.url, startedHere: true });
    await user.leave();
    await root.stop();
  });

  test('a folder still belongs to its user after root has started the server in it', async () => {
    await using dir = await makeDataDir();
    await chown(dir.path, nobody.uid, nobody.gid);
    await (await startElsewhere(dir.path, nobody)).leave();
    await (await startHere(dir.path)).stop();

    const user = await startElsewhere(dir.path, nobody);

    expect(user.report).toMatchObject({ startedHere: true });
    await user.leave();
  });

  test("another user's data folder is refused in one line", async () => {
    await using dir = await makeDataDir();
    await chown(dir.path, nobody.uid, nobody.gid);
    const owner = await startElsewhere(dir.path, nobody);

    const other = await startElsewhere(dir.path, { uid: 12_345, gid: 12_345 });

    expect(other.report.error).toMatch(/^EmbeddedPostgresError: .*HEADWAY_DATA_DIR.*DATABASE_URL\.$/);
    await owner.leave();
  });

  test('a data folder that cannot be created is reported in one line', async () => {
    await using dir = await makeDataDir();

    const user = await startElsewhere(path.join(dir.path, 'data'), nobody);

    expect(user.report.error).toMatch(
      /^EmbeddedPostgresError: The data folder .*\(EACCES\): make it writable/,
    );
  });

  test('links that are missing and cannot be created are reported in one line', async () => {
    await using dir = await makeDataDir();
    const native = await copyNative(dir.path);
    const dataDir = path.join(dir.path, 'data');
    await mkdir(dataDir);
    await chown(dataDir, nobody.uid, nobody.gid);

    const user = await startElsewhere(dataDir, { ...nobody, native });

    expect(user.report.error).toMatch(/lacks the link .* cannot be created \(EACCES\): start Headway once/);
  });
});

test('links that npm left out are created, also by several processes at once', async () => {
  await using dir = await makeDataDir();
  const native = await copyNative(dir.path);
  const dataDirs = ['one', 'two', 'three'].map((name) => path.join(dir.path, name));

  const users = await Promise.all(dataDirs.map((dataDir) => startElsewhere(dataDir, { native })));
  await Promise.all(users.map((user) => user.leave()));

  expect(users.map((user) => user.report.error)).toEqual([undefined, undefined, undefined]);
  expect((await lstat(path.join(native, 'lib', 'libicuuc.so.60'))).isSymbolicLink()).toBe(true);
});

test('data of another major version is refused', async () => {
  await using dir = await makeDataDir();
  await (await startHere(dir.path)).stop();
  await writeFile(path.join(clusterOf(dir.path), 'PG_VERSION'), '17\n');

  await expect(startHere(dir.path)).rejects.toThrow(
    /was written by PostgreSQL 17, and this Headway brings 18: /,
  );
});

test('a platform without a package is told to set DATABASE_URL', () => {
  expect(() => nativeFolder('linux', 'riscv64')).toThrow(/riscv64 .*is not installed.*set DATABASE_URL/);
  expect(() => nativeFolder('win32', 'x64')).toThrow(/Windows: set DATABASE_URL/);
});

/** The package's files without the links, as npm unpacks them. */
async function copyNative(folder: string): Promise<string> {
  const native = path.join(folder, 'package', 'native');
  await cp(nativeFolder(), native, { recursive: true, verbatimSymlinks: true });
  const links = execFileSync('find', [path.join(native, 'lib'), '-maxdepth', '1', '-type', 'l'], {
    encoding: 'utf8',
  });
  for (const link of links.trim().split('\n')) await unlink(link);
  return native;
}
