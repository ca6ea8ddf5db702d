import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogOutput } from '../../src/logging/log-output.ts';
import { eventually } from '../support/eventually.ts';
import { launch } from '../support/launch.ts';

let reader: number;
let writer: number;
let leftOut: number[];
let output: LogOutput;
beforeEach(async () => {
  const pipe = path.join(mkdtempSync(path.join(os.tmpdir(), 'log-')), 'pipe');
  await once(launch('mkfifo', [pipe]), 'exit');
  reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  leftOut = [];
});
afterEach(async () => {
  // What still waits is tried again and again: its number may be a socket's once the pipe is closed.
  await eventually(() => {
    read();
    output.flushSync();
    return output.isEmpty;
  });
  closeSync(reader);
  closeSync(writer);
});

const openOutput = (maxBytes: number) => {
  output = new LogOutput({ fd: writer, maxBytes });
  output.onLeftOut = (lines) => void leftOut.push(lines);
};
const line = (number: number) => `${number} ${'x'.repeat(990)}\n`;

/** All that lies in the pipe. */
function read(): string {
  const chunk = Buffer.alloc(64 * 1024);
  try {
    return chunk.toString('utf8', 0, readSync(reader, chunk));
  } catch {
    return '';
  }
}

describe('the output of the log', () => {
  it('keeps what a reader that stands still does not take, whole and in order, up to its bound', async () => {
    openOutput(500_000);

    for (let number = 0; number < 5_000; number += 1) output.write(line(number));

    let text = '';
    await eventually(() => {
      text += read();
      return leftOut.length === 1;
    });
    text += read();
    const lines = text.trimEnd().split('\n');
    expect(lines).toEqual(lines.map((_, number) => line(number).trimEnd()));
    expect(lines.length).toBeGreaterThan(500);
    expect(lines.length + (leftOut[0] ?? 0)).toBe(5_000);
  });

  it('is written at once where it is taken', () => {
    openOutput(500_000);

    output.write(line(1));

    expect(read()).toBe(line(1));
  });

  it('ends within a moment, though nobody reads what is left', () => {
    openOutput(500_000);
    for (let number = 0; number < 200; number += 1) output.write(line(number));

    output.flushSync();

    expect(read()).toContain('0 xxx');
    expect(leftOut).toEqual([]);
  });
});
