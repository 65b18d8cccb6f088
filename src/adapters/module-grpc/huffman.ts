/** The Huffman code of HPACK (RFC 7541, appendix B). */

/** Length of each symbol's code, in bits. The code is canonical: by length, then by symbol; so the lengths are all of it. */
const lengths = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  [30],
].flat();

const endOfString = 256;
const longest = 30;

interface Level {
  /** The first code of this length. */
  readonly first: number;
  /** The symbols with codes of this length, in the order of the codes. */
  readonly symbols: readonly number[];
}

const levels: readonly Level[] = Array.from({ length: longest + 1 }, (_, length) => lengths.flatMap((own, symbol) => (own === length ? [symbol] : []))).reduce<
  Level[]
>((above, symbols) => {
  const last = above.at(-1);
  return [...above, { first: last ? (last.first + last.symbols.length) * 2 : 0, symbols }];
}, []);

/** The text behind `bytes`, one character a byte; undefined when they are no valid code. At most 8/5 of their number. */
export function decodeHuffman(bytes: Uint8Array): string | undefined {
  const symbols: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length += 1;
      const symbol = symbolOf(code, length);
      if (symbol === endOfString || (symbol === undefined && length === longest)) return undefined;
      if (symbol === undefined) continue;
      symbols.push(symbol);
      code = 0;
      length = 0;
    }
  }
  // What is left over is padding: fewer than eight bits, all of them ones.
  if (length > 7 || code !== 2 ** length - 1) return undefined;
  return Buffer.from(symbols).toString("latin1");
}

function symbolOf(code: number, length: number): number | undefined {
  const level = levels[length];
  return level && code >= level.first ? level.symbols[code - level.first] : undefined;
}
