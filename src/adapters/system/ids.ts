import { randomFillSync } from "node:crypto";
import type { Clock, Ids } from "../../kernel/ports.ts";

/** Random bytes of so many ids are made at once: most of the time it takes is for each call. */
const idsAtOnce = 256;
const bytesOfId = 9;

/**
 * UUID version 7 (RFC 9562, 5.7): 48 bits of epoch milliseconds, then random bits, of which the first twelve count up
 * within one millisecond so that ids of one process sort in the order of creation.
 */
export function createUuidV7(clock: Clock): Ids {
  let lastMs = 0;
  let counter = 0;
  const random = Buffer.alloc(idsAtOnce * bytesOfId);
  let used = random.length;
  return {
    next() {
      if (used === random.length) {
        randomFillSync(random);
        used = 0;
      }
      const bytes = random.subarray(used, (used += bytesOfId));
      const now = Math.max(clock.now(), lastMs);
      counter = now === lastMs ? counter + 1 : bytes[8]!;
      lastMs = counter > 0xfff ? now + 1 : now;
      if (counter > 0xfff) counter = 0;
      bytes[0] = (bytes[0]! & 0x3f) | 0x80;
      const tail = bytes.toString("hex", 0, 8);
      return `${timeOf(lastMs)}-7${counter.toString(16).padStart(3, "0")}-${tail.slice(0, 4)}-${tail.slice(4)}`;
    },
  };
}

/** Sorts after every UUIDv7 made before `ms` and before all others. */
export function uuidV7Floor(ms: number): string {
  return `${timeOf(ms)}-7000-8000-000000000000`;
}

function timeOf(ms: number): string {
  const time = Math.max(0, ms).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}
