/**
 * The latest of many values, from one thread to another. A message for each value would wake the other thread
 * each time, which costs both threads far more than the value itself. Here the writer only leaves the value in
 * shared memory, and the reader takes it when it needs it.
 *
 * There are three places: the writer fills one, the reader reads another, and the third one holds the latest
 * value. Writer and reader each exchange their own place for the third one, atomically. So neither ever waits,
 * and nobody reads a value that is half written.
 */

const places = 3;
/** Set beside the number of the third place as long as the reader has not taken its value. */
const isNew = 4;
const placeOf = (exchanged: number) => exchanged & ~isNew;
const headerBytes = 8;

/** Makes the memory, for values whose JSON has at most `maxBytes` bytes. */
export function sharedLatest(maxBytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(headerBytes + places * (4 + maxBytes));
  // The writer begins with place 0, the reader with place 1.
  Atomics.store(thirdPlace(memory), 0, 2);
  return memory;
}

export class LatestWriter<Value> {
  private readonly memory: SharedArrayBuffer;
  private own = 0;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
  }

  /** Replaces the value. Throws if its JSON is longer than the memory was made for. */
  write(value: Value): void {
    const json = JSON.stringify(value);
    const bytes = Buffer.byteLength(json);
    const place = bytesOf(this.memory, this.own);
    if (4 + bytes > place.length) throw new RangeError(`A value of ${bytes} bytes is too long to be shared`);
    place.writeUInt32LE(bytes);
    place.write(json, 4);
    this.own = placeOf(Atomics.exchange(thirdPlace(this.memory), 0, this.own | isNew));
  }
}

export class LatestReader<Value> {
  private readonly memory: SharedArrayBuffer;
  private value: Value;
  private own = 1;

  constructor(memory: SharedArrayBuffer, initial: Value) {
    this.memory = memory;
    this.value = initial;
  }

  /** The latest value that was written, or the initial one. */
  read(): Value {
    const third = thirdPlace(this.memory);
    if ((Atomics.load(third, 0) & isNew) === 0) return this.value;
    this.own = placeOf(Atomics.exchange(third, 0, this.own));
    const place = bytesOf(this.memory, this.own);
    this.value = JSON.parse(place.toString('utf8', 4, 4 + place.readUInt32LE()));
    return this.value;
  }
}

function thirdPlace(memory: SharedArrayBuffer): Int32Array {
  return new Int32Array(memory, 0, 1);
}

function bytesOf(memory: SharedArrayBuffer, place: number): Buffer {
  const bytes = (memory.byteLength - headerBytes) / places;
  return Buffer.from(memory, headerBytes + place * bytes, bytes);
}
