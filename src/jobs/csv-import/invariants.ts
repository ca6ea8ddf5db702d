/** The invariants of the rows that imports have written. */
import { tableName } from '../../database/names.ts';
import { byNobody } from '../../doctor/explanations.ts';
import type { ExplainedRules } from '../../doctor/violations.ts';

const rows = tableName('dataset_row');
const imports = tableName('dataset_import');

export const invariants: ExplainedRules = {
  // A loose index scan lists the imports that have rows: the primary key leads from one import to the next,
  // past the rows of each.
  finished: `
    WITH RECURSIVE imported AS (
      (SELECT import_id FROM ${rows} ORDER BY import_id LIMIT 1)
      UNION ALL
      SELECT (SELECT import_id FROM ${rows} WHERE import_id > imported.import_id ORDER BY import_id LIMIT 1)
      FROM imported
      WHERE imported.import_id IS NOT NULL
    )
    SELECT 'rows belong to an import that nothing knows of' AS violation, import_id AS subject
    FROM imported
    WHERE import_id IS NOT NULL AND NOT EXISTS (SELECT FROM ${imports} WHERE id = import_id)`,
  explanations: {
    'rows belong to an import that nothing knows of': {
      check: 'rows-without-import',
      meaning:
        'Rows of the table dataset_import were deleted by hand in SQL. The imported rows were left, and take up space.',
      repair: byNobody,
      otherwise: `For each id: INSERT INTO ${imports} (id) VALUES (…). The sweep of a running parent then deletes the rows.`,
    },
  },
};
