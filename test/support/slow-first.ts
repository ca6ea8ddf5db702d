/**
 * Starts slow test files first: they mostly wait, and at the end of the run no other file would run beside
 * them.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => Number(moduleId.endsWith('.slow.test.ts'));
    return sorted.toSorted((a, b) => isSlow(b) - isSlow(a));
  }
}
