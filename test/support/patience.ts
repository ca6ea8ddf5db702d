/**
 * How long tests wait for a condition. The limits only end a run that hangs, and say nothing about speed: no
 * test fails on a machine that is eight times too busy.
 */

/** The limit for one test, and for each of its hooks, in milliseconds. */
export const testLimitMs = 900_000;

/**
 * The limit for one condition: shorter, so that the error names the condition before the limit of the test is
 * met.
 */
export const conditionLimitMs = 600_000;
