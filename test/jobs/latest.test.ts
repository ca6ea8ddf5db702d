import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatestReader, LatestWriter, sharedLatest } from '../../src/jobs/runner/latest.ts';

const latestModule = new URL('../../src/jobs/runner/latest.ts', import.meta.url).href;

describe('the latest value in shared memory', () => {
  it('is the initial one before the first write, then always the last one', () => {
    const memory = sharedLatest(100);
    const writer = new LatestWriter<number>(memory);
    const reader = new LatestReader<number>(memory, -1);
    let last = -1;

    fc.assert(
      fc.property(fc.array(fc.boolean()), (steps) => {
        for (const isWrite of steps) {
          if (isWrite) writer.write(++last);
          else expect(reader.read()).toBe(last);
        }
      }),
    );
    expect(reader.read()).toBe(last);
  });

  it('is whole, and never older than one read before, while another thread writes', async () => {
    const memory = sharedLatest(1_000);
    const reader = new LatestReader<{ number: number; copies: number[] }>(memory, { number: 0, copies: [] });
    const writes = 50_000;
    const thread = new Worker(
      `import(process.env.LATEST).then(({ LatestWriter }) => {
         const writer = new LatestWriter(require('node:worker_threads').workerData);
         for (let number = 1; number <= ${writes}; number += 1)
           writer.write({ number, copies: Array.from({ length: number % 100 }, () => number) });
       });`,
      { eval: true, workerData: memory, env: { LATEST: latestModule } },
    );
    let hasEnded = false;
    const ended = once(thread, 'exit').then(() => {
      hasEnded = true;
    });

    let before = 0;
    let torn = 0;
    let older = 0;
    while (!hasEnded) {
      for (let reads = 0; reads < 1_000; reads += 1) {
        const { number, copies } = reader.read();
        if (copies.length !== number % 100 || copies.some((copy) => copy !== number)) torn += 1;
        if (number < before) older += 1;
        before = number;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;

    expect({ torn, older, last: reader.read().number }).toEqual({ torn: 0, older: 0, last: writes });
  });

  it('is refused when it is longer than the memory, and the value before it stays', () => {
    const memory = sharedLatest(10);
    const writer = new LatestWriter<string>(memory);
    const reader = new LatestReader<string>(memory, '');
    writer.write('12345678');

    expect(() => writer.write('123456789')).toThrow('A value of 11 bytes is too long to be shared');
    expect(reader.read()).toBe('12345678');
  });
});
