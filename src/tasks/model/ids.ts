/** Ids of tasks, workers and everything else. */
import { randomFillSync } from 'node:crypto';

/**
 * A UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits.
 * All of those bits are random, without the counter that the RFC allows, because a task's id is a
 * capability: whoever knows it may read the task, so it must not be guessable from its neighbours.
 */
export function newId(): string {
  const bytes = randomBytesOfOne();
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const idBytes = 16;
/** Random bytes for many ids at once: a call for each takes twice as long as all the rest of it. */
const pool = Buffer.alloc(256 * idBytes);
let used = pool.length;

function randomBytesOfOne(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += idBytes;
  return pool.subarray(used - idBytes, used);
}
