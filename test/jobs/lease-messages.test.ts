import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { encodeMessage, readMessages, supervisorMessage } from '../../src/jobs/runner/lease-messages.ts';

describe('messages between a runner and its supervisor', () => {
  it('are read line by line, without incomplete and unknown ones', async () => {
    const stream = new PassThrough();
    const read: unknown[] = [];
    readMessages(stream, supervisorMessage, (message) => read.push(message));

    const text = `${encodeMessage({ kind: 'retire' })}not one\n{"kind":"other"}\n${encodeMessage({ kind: 'stop', graceMs: 5 })}{"ki`;
    for (const character of text) stream.write(character);
    stream.end();
    await new Promise((resolve) => stream.once('close', resolve));

    expect(read).toEqual([{ kind: 'retire' }, { kind: 'stop', graceMs: 5 }]);
  });

  it('end without an error when the pipe is reset', async () => {
    const stream = new PassThrough();
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    readMessages(stream, supervisorMessage, () => undefined);

    stream.destroy(new Error('read ECONNRESET'));
    await new Promise((resolve) => stream.once('close', resolve));

    expect(errors).toHaveLength(1);
  });
});
