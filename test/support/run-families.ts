/** Families of generated runs: how long work takes whose time left is told. */
import type { Run } from './runs.ts';

/** Numbers from 0 to 1, the same ones for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A run, and from when on its time left is judged; after a tenth of it by default. */
export interface Case {
  readonly run: Run;
  readonly fromMs?: number;
}

type Random = () => number;
type Stretch = Run['stretches'][number];

const secondMs = 1000;
const hourMs = 3_600_000;

export const families = {
  'a constant pace'(random: Random): Case {
    const [ms, units] = [lengthOf(random), unitsOf(random)];
    return { run: runOf(random, jittered(random, units, ms, 0.3 * random())) };
  },

  'a minute for each unit'(random: Random): Case {
    const units = Math.round(between(random, 10, 60));
    const ms = units * between(random, 30, 90) * secondMs;
    return { run: { ...runOf(random, jittered(random, units, ms, 0.3 * random())), calls: 1 } };
  },

  'a constant pace, reported at uneven times'(random: Random): Case {
    const ms = lengthOf(random);
    const longestMs = Math.min(30 * secondMs, ms / 25);
    const calls = [longestMs * random()];
    while ((calls.at(-1) ?? 0) < ms) calls.push((calls.at(-1) ?? 0) + longestMs * between(random, 0.02, 1));
    return { run: { ...runOf(random, [{ ms, units: unitsOf(random) }]), calls } };
  },

  'an attempt that goes on'(random: Random): Case {
    const units = unitsOf(random);
    const resumedAt = Math.round(units * between(random, 0.1, 20));
    return { run: { ...runOf(random, [{ ms: lengthOf(random), units }]), resumedAt } };
  },

  'work that is prepared first'(random: Random): Case {
    const ms = lengthOf(random);
    const preparedMs = ms * between(random, 0.05, 1);
    const stretches = [{ ms: preparedMs, units: 0 }, { ms, units: unitsOf(random) }]; // biome-ignore format: one line says it
    return { run: runOf(random, stretches), fromMs: preparedMs + ms / 10 };
  },

  'work that slows down evenly to half its rate'(random: Random): Case {
    return {
      run: runOf(
        random,
        shaped(random, (share) => 1 - share / 2),
      ),
    };
  },

  'work that slows down by the same part in the same time'(random: Random): Case {
    return {
      run: runOf(
        random,
        shaped(random, (share) => 2 ** -share),
      ),
    };
  },

  'work that is suddenly half as fast'(random: Random): Case {
    const at = between(random, 0.2, 0.8);
    return {
      run: {
        ...runOf(
          random,
          shaped(random, (share) => (share < at ? 1 : 0.5)),
        ),
        calls: 1,
      },
    };
  },

  'work that stops and goes'(random: Random): Case {
    return { run: runOf(random, stopsAndGoes(random, 0)) };
  },

  'work that goes slowly and fast'(random: Random): Case {
    return { run: runOf(random, stopsAndGoes(random, between(random, 0.02, 0.3))) };
  },

  'a burst, then a constant pace'(random: Random): Case {
    const burst = between(random, 0.3, 0.95);
    const units = Math.max(1000, unitsOf(random));
    const [burstMs, ms] = [logBetween(random, 10, 5000), logBetween(random, 40 * secondMs, hourMs)];
    const rest = jittered(random, Math.round(units * (1 - burst)), ms, 0.2 * random());
    const run = runOf(random, [{ ms: burstMs, units: Math.round(units * burst) }, ...rest]);
    return { run: { ...run, calls: 1 }, fromMs: Math.max(burstMs + 15 * secondMs, (burstMs + ms) / 10) };
  },
};

/** Runs whose rest nobody can know beforehand. */
export const unforeseeable = {
  'a burst last'(random: Random): Case {
    const burst = between(random, 0.3, 0.95);
    const units = Math.max(1000, unitsOf(random));
    const slow = { ms: logBetween(random, 30 * secondMs, hourMs), units: units * (1 - burst) };
    return { run: runOf(random, [slow, { ms: logBetween(random, 10, 5000), units: units * burst }]) };
  },

  'units of which a few take very long'(random: Random): Case {
    const units = Math.round(logBetween(random, 100, 3000));
    const alpha = between(random, 1.3, 2.5);
    const times = Array.from({ length: units }, () => (1 - random()) ** (-1 / alpha));
    return { run: { ...runOf(random, timed(times, units, lengthOf(random) + 60 * secondMs)), calls: 1 } };
  },

  'a last tenth that takes longest'(random: Random): Case {
    const [tail, time] = [between(random, 0.05, 0.2), between(random, 0.2, 0.6)];
    const [ms, units] = [lengthOf(random), unitsOf(random)];
    const last = { ms: ms * time, units: units * tail };
    return { run: runOf(random, [{ ms: ms * (1 - time), units: units * (1 - tail) }, last]) };
  },
};

function runOf(random: Random, stretches: readonly Stretch[]): Run {
  const units = stretches.reduce((sum, stretch) => sum + stretch.units, 0);
  const calls = random() < 0.6 ? 1 : Math.max(1, Math.floor(units * between(random, 0.001, 0.02)));
  return { stretches, calls, announces: random() < 0.5 };
}

function between(random: Random, from: number, to: number): number {
  return from + (to - from) * random();
}

function logBetween(random: Random, from: number, to: number): number {
  return from * (to / from) ** random();
}

function lengthOf(random: Random): number {
  return logBetween(random, 12 * secondMs, hourMs);
}

function unitsOf(random: Random): number {
  return Math.round(logBetween(random, 40, 3_000_000));
}

/** Units that take uneven times. `sigma` is the deviation of the logarithm of these times. */
function jittered(random: Random, units: number, ms: number, sigma: number): Stretch[] {
  const count = Math.min(units, 2000);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const times = Array.from({ length: count }, () => Math.exp(sigma * normal()));
  return timed(times, units, ms);
}

function timed(times: readonly number[], units: number, ms: number): Stretch[] {
  const sum = times.reduce((a, b) => a + b, 0);
  return times.map((time) => ({ ms: (time / sum) * ms, units: units / times.length }));
}

/** Work whose rate depends on the share of its time that has passed. */
function shaped(random: Random, rate: (share: number) => number): Stretch[] {
  const [ms, units, count] = [lengthOf(random), unitsOf(random), 400];
  const rates = Array.from({ length: count }, (_, index) => rate((index + 0.5) / count));
  const sum = rates.reduce((a, b) => a + b, 0);
  return rates.map((each) => ({ ms: ms / count, units: (each / sum) * units }));
}

/** Periods of under a minute, uneven in part of the runs: a tenth of the run at most. */
function stopsAndGoes(random: Random, slowRate: number): Stretch[] {
  const [periodMs, goes] = [between(random, 2, 58) * secondMs, between(random, 0.25, 0.9)];
  const unevenness = random() < 0.5 ? 0 : 0.3;
  const count = Math.round(logBetween(random, 12, 100));
  const units = Math.max(400, unitsOf(random));
  const share = () => 1 - unevenness * random();
  const phases = Array.from({ length: count }, () => [
    { ms: periodMs * goes * share(), rate: 1 },
    { ms: periodMs * (1 - goes) * share(), rate: slowRate },
  ]).flat();
  if (random() < 0.5) phases.shift();
  if (phases.at(-1)?.rate === 0) phases.pop();
  const done = phases.reduce((sum, { ms, rate }) => sum + ms * rate, 0);
  return phases.map(({ ms, rate }) => ({ ms, units: ((ms * rate) / done) * units }));
}
