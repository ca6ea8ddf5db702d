/** Whatever text comes from outside is read in linear time: no regular expression may be led astray by it. */
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { Access } from '../src/api/access/access.ts';
import { isLoopbackHost } from '../src/api/access/origin.ts';
import { localPath } from '../src/api/access/sign-in.ts';
import { baseName, parseContentDisposition } from '../src/api/http/content-disposition.ts';
import { boundaryOf } from '../src/api/http/multipart.ts';
import { representationFor } from '../src/api/http/negotiation.ts';
import { matchesEtag, versionsIn } from '../src/api/reading/polls/etag.ts';
import { waitSeconds } from '../src/api/reading/polls/prefer.ts';
import { withKeyHeader } from '../src/api/submitting/submission.ts';
import { messageOf } from '../src/database/error-text.ts';
import { describeExit } from '../src/jobs/supervisor/exit.ts';
import { describeThrown } from '../src/jobs/thrown.ts';
import { parseDuration } from '../src/tasks/upkeep/duration.ts';

const access = new Access({ apiKeys: ['a key of sixteen'], adminToken: undefined, host: '127.0.0.1' });
const check = (headers: Record<string, string>) => access.check({ headers } as unknown as FastifyRequest);

/** Each reader of text, with beginnings that lead it into its expressions. */
const readers: Readonly<Record<string, readonly [read: (text: string) => unknown, ...begins: string[]]>> = {
  'Content-Disposition': [
    parseContentDisposition,
    'form-data; name="',
    'form-data; ',
    'form-data; a=b; filename*=',
  ],
  'the name of a file': [baseName, ''],
  'the boundary of a form': [boundaryOf, 'multipart/form-data; boundary="', 'multipart/form-data'],
  Accept: [representationFor, '', 'text/', 'text/html;q='],
  Host: [isLoopbackHost, '', '127.', 'a.'],
  'If-None-Match': [(text) => matchesEtag(text, 'W/"x"'), '', 'W/"', '"json-', '"x-gzip'],
  'the versions in If-None-Match': [versionsIn, '', '"json-', 'W/"json-', `json-${'a'.repeat(16)}-1`],
  Prefer: [waitSeconds, '', 'wait=', 'wait="', 'wait = 1', 'a="'],
  Authorization: [(authorization) => check({ authorization }), 'Bearer ', 'Bearer a'],
  Cookie: [(cookie) => check({ cookie }), '', 'headway_session=', 'headway_session=1.'],
  'the way on after signing in': [localPath, '/', ''],
  'Idempotency-Key': [(text) => withKeyHeader({}, [text]), '', '"'],
  'a message of the system': [(text) => messageOf(new Error(text)), '', '\n'],
  'what a job threw': [(text) => describeThrown(new Error(text)), ''],
  'the last words of a runner': [
    (stderrTail) => describeExit({ code: 1, signal: null, wasOrdered: false, stderrTail }),
    '\nNode.js v1',
    'FATAL ERROR: ',
  ],
  'a duration': [parseDuration, '', 'P', '1d ', 'PT1.'],
};
const units = [
  '\\',
  '"',
  '\\"',
  ';',
  '; ',
  ' ',
  ';a="',
  '\t',
  '\n',
  ' \n',
  ',',
  'a',
  'a=',
  'a.',
  '.',
  '1',
  '0',
  '/',
  "'",
  '%',
  '*',
  '=',
  '-',
  'W/',
];
const ends = ['', '!', '\nx', '"x'];
/** The first are long enough for exponential time to be seen, and short enough for it to end. */
const lengths = [30, 36, 42, 1_000, 10_000, 100_000];
/** Quadratic time would be more than ten thousand times a linear scan of the longest text. */
const limit = 3_000;

/** Processor time of this thread in microseconds: what neighbours take does not count. */
function cost(work: () => unknown): number {
  const before = process.threadCpuUsage();
  try {
    work();
  } catch {
    // A refusal is an answer.
  }
  const { user, system } = process.threadCpuUsage(before);
  return user + system;
}

/** Measured again where it seems too much: a collection of garbage may have come in between. */
function ratio(read: (text: string) => unknown, text: string): number {
  const linear = Math.max(
    50,
    cost(() => scan(text)),
  );
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3 && least >= limit; round += 1)
    least = Math.min(least, cost(() => read(text)) / linear);
  return least;
}

function scan(text: string): number {
  let sum = 0;
  for (let index = 0; index < text.length; index += 1) sum = (sum * 31 + text.charCodeAt(index)) | 0;
  return sum;
}

describe.each(Object.entries(readers))('%s', (_name, [read, ...begins]) => {
  it.each(begins)('is read in linear time, whatever follows %j', (begin) => {
    for (const unit of units) {
      for (const end of ends) {
        for (const length of lengths) {
          const text = `${begin}${unit.repeat(length / unit.length)}${end}`;

          expect(ratio(read, text), JSON.stringify([begin, unit, end, length])).toBeLessThan(limit);
        }
      }
    }
  });
});
