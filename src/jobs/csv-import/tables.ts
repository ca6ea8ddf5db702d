/** The names of the tables for SQL statements that are sent through Prisma. */
import { tables as ofHeadway, tableName } from '../../database/names.ts';
import { Prisma } from '../../generated/prisma/client.ts';

export const tables = {
  dataset: Prisma.raw(tableName('dataset')),
  datasetImport: Prisma.raw(tableName('dataset_import')),
  datasetRow: Prisma.raw(tableName('dataset_row')),
  taskState: Prisma.raw(ofHeadway.taskState),
} as const;
