/**
 * Prisma's migration engine as WASM: the engine of `prisma migrate`, without its download. Only for the
 * developer's scripts (`migrate:new`, `migrate:check`); the service itself migrates with plain SQL
 * (src/database/migrations/migrate.ts).
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';

const charOid = 18;
const textOid = 25;
const prismaFolder = fileURLToPath(new URL('../prisma', import.meta.url));

/**
 * The SQL that changes the database at `url` to match schema.prisma, or '' if the two agree. Features that
 * Prisma does not model (fill factors, storage, CHECKs, partial indexes) are not compared.
 */
export async function diffToSchema(url: string): Promise<string> {
  const content = await readFile(`${prismaFolder}/schema.prisma`, 'utf8');
  const files = [{ path: 'schema.prisma', content }];
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const adapter = bindMigrationAwareSqlAdapterFactory(catalogAdapter(pool));
  const engine = await SchemaEngine.new({ datamodels: [['schema.prisma', content]] }, () => {}, adapter);
  try {
    const result = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: prismaFolder },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      // With this option the exit code 2 means a difference; without it an empty diff is a comment in SQL.
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    });
    return result.exitCode === 2 ? (result.stdout ?? '') : '';
  } finally {
    engine.free();
    await pool.end();
  }
}

/**
 * The engine reads "char" columns of the catalogue, which Prisma's adapter refuses. So the pool returns them
 * as text, and the adapter's answer is then corrected to name their real type.
 */
function catalogAdapter(pool: pg.Pool): SqlMigrationAwareDriverAdapterFactory {
  const charColumns = new Set<string>();
  const query = pool.query.bind(pool) as (config: pg.QueryConfig) => Promise<pg.QueryResult>;
  pool.query = (async (config: pg.QueryConfig) => {
    const result = await query(config);
    for (const field of result.fields) {
      if (field.dataTypeID !== charOid) continue;
      charColumns.add(field.name);
      field.dataTypeID = textOid;
    }
    return result;
  }) as typeof pool.query;

  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (params) => {
      const result = await queryRaw(params);
      const columnTypes = result.columnTypes.map((type, index) =>
        charColumns.has(result.columnNames[index] ?? '') ? ColumnTypeEnum.Character : type,
      );
      return { ...result, columnTypes };
    };
    return adapter;
  };
  return factory;
}
