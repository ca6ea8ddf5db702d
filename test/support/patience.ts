/**
 * How long tests wait for what must happen. The limits end a run that hangs, and say nothing about speed: on a
 * machine that is eight times too busy everything takes its time, and nothing fails for that.
 */

/** For one test, and for each of its hooks, in milliseconds. */
export const testLimitMs = 900_000;

/** For one condition, so that its failure is told before the test's limit ends it without a reason. */
export const conditionLimitMs = 600_000;
