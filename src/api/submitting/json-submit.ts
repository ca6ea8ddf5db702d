/** Makes a submit of the JSON that describes one task. */
import { z } from 'zod';
import type { SubmitRequest } from '../../tasks/life/submit.ts';
import { cleanseJson } from '../../tasks/model/text.ts';
import type { ApiContext } from '../context.ts';
import { fieldError, type HttpProblem, invalidFields, invalidInput } from '../http/problems.ts';
import { checkInput, definitionOf, submitOptions, submitRequest, withKeyHeader } from './submission.ts';

const submitBody = submitOptions.extend({ type: z.string(), input: z.unknown().optional() });

/**
 * @param keyHeader the values of the header Idempotency-Key
 * @throws {HttpProblem} 400 or 404 for what is wrong with the request
 */
export async function readSubmit(
  context: ApiContext,
  json: unknown,
  keyHeader?: readonly string[],
): Promise<SubmitRequest> {
  const body = submitBody.safeParse(json);
  if (!body.success) throw invalidInput(body.error);
  const { type, input = {}, ...given } = body.data;
  const definition = definitionOf(context, type);
  if (definition.upload) throw fileExpected(type, definition.upload.field);
  const options = withKeyHeader(given, keyHeader);
  const checked = await checkInput(definition, cleanseJson(input), ['input']);
  return submitRequest(definition, checked, options);
}

function fileExpected(type: string, field: string): HttpProblem {
  return invalidFields([
    fieldError(['input', field], `is a file: send it as the body of POST /tasks/${type}, or as a form`),
  ]);
}
