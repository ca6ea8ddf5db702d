/** Those files first that mostly wait, for leases and outages: at the end nothing else would run beside them. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const slow = /\/test\/(chaos|cli|pages\/browser|jobs|database)\//;

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => Number(slow.test(moduleId));
    return sorted.toSorted((a, b) => isSlow(b) - isSlow(a));
  }
}
