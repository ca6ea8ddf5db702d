/**
 * POST /tasks/:type with a file: stores the file and submits the task in one call. The file is the whole
 * body, with its fields in the query; or it is a part of a form; or it is a built-in sample. A body that is
 * cut off is never submitted; a complete one is submitted even if the client no longer listens.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isPassingError } from '../../database/error-kinds.ts';
import type { JobDefinition, JobUpload } from '../../jobs/define-job.ts';
import { type Submitted, submitTask } from '../../tasks/life/submit.ts';
import type { ApiContext } from '../context.ts';
import type { ApiExtension, Sample } from '../extension.ts';
import { withinAnswerTime } from '../http/answer-time.ts';
import { hasBody, readBody, readSmallBody } from '../http/body.ts';
import { baseName, parseContentDisposition } from '../http/content-disposition.ts';
import { Fields, maxFieldLength, parseForm, queryOf } from '../http/forms.ts';
import { boundaryOf, type Part, readParts } from '../http/multipart.ts';
import { fieldError, HttpProblem, invalidFields } from '../http/problems.ts';
import { IncomingFile, tooLarge } from './incoming-file.ts';
import { definitionOf, submitRequest, withKeyHeader } from './submission.ts';
import {
  checkUploadInput,
  type FileFacts,
  fileToCome,
  readFields,
  type UploadFields,
} from './upload-fields.ts';
import { sendSubmitted } from './write-answers.ts';

/** What a form may have beside its file: boundaries, headers and text fields. */
const formOverheadBytes = 1024 * 1024;
const maxUrlencodedBytes = 64 * 1024;
/** How long a stop waits until the uploads that it has cut off are deleted. */
const closeTimeMs = 3000;

export function uploadRoutes(app: FastifyInstance, context: ApiContext): void {
  const inFlight = new Set<Promise<Submitted>>();

  app.register((scope, _options, done) => {
    // The handler reads the body itself, whatever its type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', async () => undefined);
    scope.post<{ Params: { type: string } }>('/tasks/:type', async (request, reply) => {
      const submitting = new UploadRequest(context, request, request.params.type).submit();
      inFlight.add(submitting);
      try {
        const submitted = await submitting;
        const { id, type } = submitted.task;
        context.log.info({ task: id, type, outcome: submitted.outcome }, 'task submitted');
        return sendSubmitted(context, request, reply, submitted);
      } finally {
        inFlight.delete(submitting);
      }
    });
    done();
  });

  app.addHook('onClose', async () => {
    await withinAnswerTime(Promise.allSettled(inFlight), closeTimeMs).catch(() => undefined);
  });
}

class UploadRequest {
  private readonly context: ApiContext;
  private readonly request: FastifyRequest;
  private readonly definition: JobDefinition;
  private readonly upload: JobUpload;
  private readonly extension: ApiExtension | undefined;
  private readonly fields = new Fields();
  private readonly incoming: IncomingFile;

  constructor(context: ApiContext, request: FastifyRequest, type: string) {
    this.context = context;
    this.request = request;
    this.definition = definitionOf(context, type);
    this.extension = context.extensions.get(type);
    this.incoming = new IncomingFile(context.store);
    const { upload } = this.definition;
    if (!upload) {
      throw new HttpProblem(
        'unsupported-media-type',
        `The job "${type}" takes no file. Send JSON to POST /tasks, with "type" and "input".`,
      );
    }
    this.upload = upload;
  }

  async submit(): Promise<Submitted> {
    this.fields.addAll(queryOf(this.request.url));
    try {
      await this.receive();
      return await this.submitReceived();
    } catch (error) {
      // If the submit may have been committed, the file may belong to a task. If not, the sweep deletes it.
      if (!(error instanceof UnknownOutcome)) await this.dropFile();
      const told = error instanceof UnknownOutcome ? error.cause : error;
      if (told instanceof HttpProblem) told.fieldLabels = this.extension?.fieldLabels;
      throw told;
    }
  }

  private async receive(): Promise<void> {
    const { raw } = this.request;
    const contentType = raw.headers['content-type'] ?? '';
    const mediaType = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
    if (mediaType === 'multipart/form-data') await this.receiveForm(boundaryOf(contentType));
    else if (mediaType === 'application/x-www-form-urlencoded') await this.receiveUrlencoded();
    else if (!hasBody(raw)) await this.checkEarly();
    else if (this.takes(mediaType)) await this.receiveRaw(mediaType);
    else throw this.wrongType(mediaType);
  }

  private async receiveRaw(contentType: string): Promise<void> {
    const { maxUploadBytes } = this.context.config;
    this.refuseEarly(maxUploadBytes);
    const fields = await this.checkEarly();
    if (fields.sample) throw this.sampleAndFile();
    const name = fields.filename ?? filenameIn(this.request.headers['content-disposition']) ?? '';
    await this.incoming.receive({ name, contentType }, readBody(this.request.raw), maxUploadBytes);
  }

  private async receiveForm(boundary: string): Promise<void> {
    this.refuseEarly(this.context.config.maxUploadBytes + formOverheadBytes);
    for await (const part of readParts(readBody(this.request.raw), boundary)) {
      if (part.filename === undefined) this.fields.add(part.name, await readText(part));
      else await this.receivePart(part, part.filename);
    }
  }

  private async receivePart(part: Part, filename: string): Promise<void> {
    if (part.name !== this.upload.field) {
      throw invalidFields([
        fieldError([part.name], `is not a file that this job takes; its file is "${this.upload.field}"`),
      ]);
    }
    if (this.incoming.file) {
      throw invalidFields([fieldError([part.name], 'is given more than once; send one file a task')]);
    }
    // Checks the fields that have come by now; a form may have others after its file.
    readFields(this.fields, this.extension?.sample);
    const facts = { name: baseName(filename), contentType: part.contentType };
    await this.incoming.receive(facts, part.body, this.context.config.maxUploadBytes);
  }

  /** A form without a file. By default, curl announces files as such a form, too: they are refused. */
  private async receiveUrlencoded(): Promise<void> {
    const { raw } = this.request;
    const length = Number(raw.headers['content-length'] ?? 0);
    if (length > maxUrlencodedBytes) throw this.wrongType('application/x-www-form-urlencoded');
    const form = parseForm(await readSmallBody(raw, maxUrlencodedBytes));
    if (!('sample' in form)) throw this.wrongType('application/x-www-form-urlencoded');
    this.fields.addAll(Object.entries(form));
  }

  private async submitReceived(): Promise<Submitted> {
    const { context, definition, upload, request, incoming } = this;
    const fields = readFields(this.fields, this.extension?.sample);
    const options = withKeyHeader(fields.options, request.raw.headersDistinct['idempotency-key']);
    if (fields.sample) await this.receiveSample(fields, fields.sample);
    if (!incoming.file) {
      throw invalidFields([fieldError([upload.field], 'is missing or empty; choose a file with content')]);
    }
    const name = fields.filename ?? incoming.file.name;
    const file = { ...incoming.file.upload, field: upload.field };
    const input = await checkUploadInput(definition, upload, fields, { ...file, name });
    const submission = submitTask(context.store, submitRequest(definition, input, options, file));
    const submitted = await withinAnswerTime(submission).catch(throwUnknownOutcome);
    // The task that existed already has a copy of its own.
    if (submitted.outcome === 'existing') await this.dropFile();
    return submitted;
  }

  private async receiveSample(fields: UploadFields, sample: Sample): Promise<void> {
    if (this.incoming.file) throw this.sampleAndFile();
    await checkUploadInput(this.definition, this.upload, fields, { ...fileToCome, name: sample.name });
    // The sample is our own file, so the limit for uploads does not apply.
    await this.incoming.receive(sample, sample.chunks(), Number.POSITIVE_INFINITY);
  }

  /** Checks all but the file, before the file: nobody should send 100 MB to learn that a field is missing. */
  private async checkEarly(): Promise<UploadFields> {
    const fields = readFields(this.fields, this.extension?.sample);
    withKeyHeader(fields.options, this.request.raw.headersDistinct['idempotency-key']);
    const facts: FileFacts = { ...fileToCome, name: fields.filename ?? fileToCome.name };
    await checkUploadInput(this.definition, this.upload, fields, facts);
    return fields;
  }

  private refuseEarly(maxBytes: number): void {
    const length = Number(this.request.headers['content-length'] ?? 0);
    if (length > maxBytes) throw tooLarge(this.context.config.maxUploadBytes);
  }

  private async dropFile(): Promise<void> {
    try {
      await withinAnswerTime(this.incoming.drop());
    } catch (error) {
      // The answer to the client matters more: the sweep deletes the file later.
      if (!isPassingError(error) && !(error instanceof HttpProblem)) throw error;
    }
  }

  private takes(mediaType: string): boolean {
    return mediaType === 'application/octet-stream' || this.upload.contentTypes.includes(mediaType);
  }

  private wrongType(mediaType: string): HttpProblem {
    const types = [...this.upload.contentTypes, 'application/octet-stream', 'multipart/form-data'].join(', ');
    const hint = mediaType.startsWith('application/x-www-form')
      ? ` With curl: -H 'Content-Type: ${this.upload.contentTypes[0] ?? 'application/octet-stream'}' --data-binary @file, or -F ${this.upload.field}=@file.`
      : '';
    return new HttpProblem('unsupported-media-type', `Send the file as one of: ${types}.${hint}`);
  }

  private sampleAndFile(): HttpProblem {
    return invalidFields([fieldError(['sample'], 'is given together with a file; send one of them')]);
  }
}

/** Nobody knows whether the submit was committed. */
class UnknownOutcome extends Error {}

function throwUnknownOutcome(error: unknown): never {
  const isUnknown = isPassingError(error) || error instanceof HttpProblem;
  throw isUnknown ? new UnknownOutcome('the submit may have happened', { cause: error }) : error;
}

async function readText(part: Part): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of part.body) {
    size += chunk.length;
    if (size > maxFieldLength) {
      throw invalidFields([fieldError([part.name], `is longer than ${maxFieldLength} bytes`)]);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function filenameIn(disposition: string | undefined): string | undefined {
  if (disposition === undefined) return undefined;
  const { filename } = parseContentDisposition(Buffer.from(disposition, 'latin1').toString('utf8'));
  return filename === undefined ? undefined : baseName(filename);
}
