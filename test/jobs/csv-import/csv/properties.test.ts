import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyBytes, anyPosition, anyTable } from './properties.ts';

describe('any table', () => {
  it('is read as it was written, in any encoding, with any line endings, in chunks of any size', async () => {
    await fc.assert(anyTable, { numRuns: 100 });
  });
});

describe('any position', () => {
  it('gives the same items as a reading that never stopped', async () => {
    await fc.assert(anyPosition, { numRuns: 100 });
  });
});

describe('any bytes', () => {
  it('are read to their end, or refused with a CsvFormatError', async () => {
    await fc.assert(anyBytes, { numRuns: 300 });
  });
});
