/** Slow files first, as they mostly wait: at the end of the run nothing else would run beside them. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => Number(moduleId.endsWith('.slow.test.ts'));
    return sorted.toSorted((a, b) => isSlow(b) - isSlow(a));
  }
}
