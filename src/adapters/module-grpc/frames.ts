/** Frames of HTTP/2 (RFC 9113, section 4). */

export const frameTypes = { data: 0, headers: 1, resetStream: 3, settings: 4, pushPromise: 5, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 } as const;

/** END_STREAM and ACK share a bit; which is meant depends on the type. */
export const frameFlags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** Largest payload that a peer may send: the protocol's default, which we do not raise. */
export const maxFrameBytes = 16_384;

const headBytes = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Valid only until the next frame is read. */
  readonly payload: Buffer;
}

export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Cuts the bytes of a connection into frames; holds at most one. */
export interface FrameReader {
  /**
   * Yields the frames that `chunk` completes, and "malformed" when the next one is larger than allowed, or the first one
   * is not SETTINGS; nothing more can be read then.
   */
  readonly read: (chunk: Uint8Array) => Generator<Frame | "malformed">;
}

export function createFrameReader(): FrameReader {
  const held = Buffer.alloc(headBytes + maxFrameBytes);
  let filled = 0;
  let frames = 0;
  return {
    read: function* (chunk) {
      let rest = chunk;
      while (rest.length > 0) {
        const wanted = filled < headBytes ? headBytes : headBytes + held.readUIntBE(0, 3);
        const taken = rest.subarray(0, wanted - filled);
        held.set(taken, filled);
        filled += taken.length;
        rest = rest.subarray(taken.length);
        if (filled < headBytes) return;
        const length = held.readUIntBE(0, 3);
        if (length > maxFrameBytes || (frames === 0 && (held[3] !== frameTypes.settings || held.readUInt32BE(5) !== 0))) {
          yield "malformed";
          return;
        }
        if (filled < headBytes + length) continue;
        filled = 0;
        frames += 1;
        yield { type: held[3] ?? 0, flags: held[4] ?? 0, stream: held.readUInt32BE(5) & 0x7fffffff, payload: held.subarray(headBytes, headBytes + length) };
      }
    },
  };
}

/** The part of a DATA or HEADERS frame that is neither padding nor priority; undefined when the padding is impossible. */
export function contentOf({ type, flags, payload }: Frame): Buffer | undefined {
  const padding = flags & frameFlags.padded ? (payload[0] ?? 0) : 0;
  const start = (flags & frameFlags.padded ? 1 : 0) + (type === frameTypes.headers && flags & frameFlags.priority ? 5 : 0);
  return start + padding <= payload.length ? payload.subarray(start, payload.length - padding) : undefined;
}
