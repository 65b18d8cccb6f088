/**
 * The items of a list as bytes, assembled from earlier encodings: an item is encoded when it is new or its time is out of
 * date; the others are copied, in runs; an unchanged list stays the same object.
 */
import type { UnknownField } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export interface PackedList<T> {
  /** All items as field 1 of a message: to be put into any number of them, which are then written without encoding the items again. */
  readonly unknown: UnknownField[];
  /** Some item has a time of its last check. */
  readonly ages: boolean;
  /** The items with their tags. */
  readonly bytes: Uint8Array;
  /** Where each item ends in `bytes`. */
  readonly ends: Uint32Array;
  /** When each was last checked, as it is in `bytes`; NaN when that is not known. */
  readonly checked: Float64Array;
  readonly indexOf: ReadonlyMap<T, number>;
}

export interface Packing<T> {
  /** The message of an item. */
  readonly encode: (item: T, checkedAt: number | undefined) => Uint8Array;
  /** Epoch milliseconds of the item's last check, where they are known. */
  readonly checkedAt: (item: T) => number | undefined;
  /** An earlier time stays in the list until it is so many milliseconds behind. */
  readonly lagMs: number;
}

/** Field 1 of every list message; its tag takes one byte. */
const itemsField = 1;
const tagBytes = 1;

export function packList<T>(items: readonly T[], { encode, checkedAt, lagMs }: Packing<T>, former?: PackedList<T>): PackedList<T> {
  const ends = new Uint32Array(items.length);
  const checked = new Float64Array(items.length);
  const out = collect(former?.bytes);
  let ages = false;
  for (const [index, item] of items.entries()) {
    const at = checkedAt(item);
    if (at !== undefined) ages = true;
    const old = former?.indexOf.get(item);
    const shown = old === undefined ? undefined : former?.checked[old];
    const isCurrent = shown !== undefined && (at === undefined ? Number.isNaN(shown) : at === shown || (at > shown && at - shown < lagMs));
    checked[index] = isCurrent ? shown : (at ?? Number.NaN);
    if (isCurrent && former && old !== undefined) out.copy(old === 0 ? 0 : former.ends[old - 1]!, former.ends[old]!);
    else out.add(new BinaryWriter().tag(itemsField, WireType.LengthDelimited).bytes(encode(item, at)).finish());
    ends[index] = out.length;
  }
  const bytes = out.finish();
  if (former && bytes === former.bytes) return former;
  return { unknown: unknownOf(bytes), ages, bytes, ends, checked, indexOf: new Map(items.map((item, index) => [item, index])) };
}

/** The items from `from` to before `to`, in the same form as all of them. */
export function partOf<T>({ bytes, ends }: PackedList<T>, from: number, to: number): UnknownField[] {
  return from >= to ? [] : unknownOf(bytes.subarray(from === 0 ? 0 : ends[from - 1]!, ends[to - 1]!));
}

/** The encoder of an unknown field writes its tag: that of the first item. */
function unknownOf(bytes: Uint8Array): UnknownField[] {
  return bytes.length === 0 ? [] : [{ no: itemsField, wireType: WireType.LengthDelimited, data: bytes.subarray(tagBytes) }];
}

/** New pieces and parts of `former`, neighbours among these as one. */
function collect(former: Uint8Array = new Uint8Array()) {
  const pieces: Uint8Array[] = [];
  let from = 0;
  let to = 0;
  let length = 0;
  const endRun = () => {
    if (to > from) pieces.push(former.subarray(from, to));
    from = to = 0;
  };
  return {
    get length() {
      return length;
    },
    add(piece: Uint8Array) {
      endRun();
      pieces.push(piece);
      length += piece.length;
    },
    copy(start: number, end: number) {
      if (start !== to) endRun();
      if (to === 0) from = start;
      to = end;
      length += end - start;
    },
    /** `former` itself when all of it, and nothing else, was copied. */
    finish(): Uint8Array {
      if (pieces.length === 0 && from === 0 && to === former.length) return former;
      endRun();
      return Buffer.concat(pieces, length);
    },
  };
}
