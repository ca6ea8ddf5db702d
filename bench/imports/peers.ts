/** What an import and an upload are compared with: the shortest programs that do as much work. */
import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import pg from 'pg';
import { Copy } from './copy.ts';
import { columns } from './file.ts';

const copiedBytes = 64 * 1024;
const chunkBytes = 256 * 1024;

/** csv-parse alone: reads all records of the file. */
export async function parseOnly(file: string): Promise<void> {
  let records = 0;
  for await (const _record of createReadStream(file).pipe(parse())) records += 1;
  if (records === 0) throw new Error('the file is empty');
}

/** csv-parse and one COPY, of the same JSON into a table of the same shape. */
export async function parseAndCopy(file: string, databaseUrl: string): Promise<void> {
  await connected(databaseUrl, async (client) => {
    await client.query('CREATE TABLE copied (LIKE dataset_row INCLUDING ALL)');
    const copy = new Copy('COPY copied (import_id, number, data) FROM STDIN', copyLines(file));
    client.query(copy);
    await copy.done;
  });
}

export async function dropCopied(databaseUrl: string): Promise<void> {
  await connected(databaseUrl, async (client) => {
    await client.query('DROP TABLE IF EXISTS copied, stored');
  });
}

async function* copyLines(file: string): AsyncGenerator<Buffer> {
  const importId = crypto.randomUUID();
  let number = 0;
  let lines = '';
  for await (const values of createReadStream(file).pipe(parse({ from_line: 2 })) as AsyncIterable<
    string[]
  >) {
    number += 1;
    const json = JSON.stringify(Object.fromEntries(columns.map((column, at) => [column, values[at]])));
    lines += `${importId}\t${number}\t${json.replaceAll('\\', '\\\\')}\n`;
    if (lines.length < copiedBytes) continue;
    yield Buffer.from(lines);
    lines = '';
  }
  yield Buffer.from(lines);
}

/** A bare stream of the file's chunks into a table of the same shape, in one transaction, without HTTP. */
export async function streamOnly(file: string, databaseUrl: string): Promise<void> {
  await connected(databaseUrl, async (client) => {
    await client.query('BEGIN');
    await client.query('CREATE TABLE stored (LIKE file_chunk INCLUDING ALL)');
    const id = crypto.randomUUID();
    let number = 0;
    for await (const data of createReadStream(file, { highWaterMark: chunkBytes })) {
      await client.query({
        name: 'store',
        text: 'INSERT INTO stored (file_id, number, data) VALUES ($1, $2, $3)',
        values: [id, number, data],
      });
      number += 1;
    }
    await client.query('COMMIT');
  });
}

/** The file as one large object, written in one transaction, without HTTP. */
export async function largeObject(file: string, databaseUrl: string): Promise<void> {
  await connected(databaseUrl, async (client) => {
    await client.query('BEGIN');
    const { rows } = await client.query('SELECT lo_creat(-1) AS id');
    const { rows: opened } = await client.query('SELECT lo_open($1, 131072) AS fd', [rows[0].id]);
    for await (const data of createReadStream(file, { highWaterMark: chunkBytes })) {
      await client.query({ name: 'write', text: 'SELECT lowrite($1, $2)', values: [opened[0].fd, data] });
    }
    await client.query('COMMIT');
    await client.query('SELECT lo_unlink($1)', [rows[0].id]);
  });
}

async function connected(databaseUrl: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
