/** The route of a dataset, which a successful import has made. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { withinAnswerTime } from '../../api/http/answer-time.ts';
import { Fields, queryOf } from '../../api/http/forms.ts';
import { requireRepresentation } from '../../api/http/negotiation.ts';
import { idFrom } from '../../api/http/params.ts';
import { HttpProblem, invalidInput } from '../../api/http/problems.ts';
import { sendPage } from '../../api/http/replies.ts';
import type { Store } from '../../tasks/store.ts';
import { renderDatasetPage } from './dataset-page.ts';
import { readDataset } from './datasets.ts';

const unknownDataset = { name: 'unknown-dataset', status: 404, title: 'There is no such dataset' };

const shownRows = 50;
const maxRows = 1000;

const rowsExpected = `must be a whole number from 0 to ${maxRows}`;
const query = z.strictObject({
  rows: z
    .string()
    .regex(/^\d{1,4}$/, rowsExpected)
    .transform(Number)
    .refine((rows) => rows <= maxRows, rowsExpected)
    .default(shownRows),
});

export function datasetRoutes(app: FastifyInstance, { store }: { readonly store: Store }): void {
  app.get('/datasets/:id', async (request, reply) => {
    const id = idFrom(request.params);
    const fields = new Fields();
    fields.addAll(queryOf(request.url));
    const asked = query.safeParse(fields.toObject());
    if (!asked.success) throw invalidInput(asked.error);
    const representation = requireRepresentation(request.headers.accept);

    const dataset = await withinAnswerTime(readDataset(store.db, id, asked.data.rows));
    if (!dataset) throw new HttpProblem(unknownDataset, 'No dataset has this id.');
    reply.header('vary', 'Accept');
    if (representation === 'html') return sendPage(reply, renderDatasetPage(dataset));
    return reply
      .header('cache-control', 'private, no-cache')
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(dataset));
  });
}
