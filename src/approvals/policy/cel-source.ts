/**
 * The text of a CEL expression, looked at before it is parsed: the parser recurses, so that what is nested deep or is very long would
 * end the stack or take long. Strings and comments are passed over as the parser does.
 */

export const sourceLimits = {
  /** UTF-8. */
  bytes: 4_096,
  /** Of brackets, of what follows a `?`, and of signs before a value. */
  depth: 32,
  /** Names, literals and signs. */
  tokens: 1_000,
} as const;

/** Strings (raw and triple ones, too), comments, names and numbers, white space; else one sign. Unclosed strings end with the text. */
const token = /[rRbB]{0,2}(?:"""|'''|"|')|\/\/[^\n]*|[A-Za-z0-9_.]+|\s+|[^]/y;

/** Why the text is not parsed; undefined when it may be. Takes time in proportion to the text. */
export function sourceProblem(source: string): string | undefined {
  if (source.length > sourceLimits.bytes || Buffer.byteLength(source) > sourceLimits.bytes) return `the expression has more than ${sourceLimits.bytes} bytes`;
  /** Of each open bracket, how many `?` stand in it. */
  const open = [0];
  let depth = 0;
  let signs = 0;
  let tokens = 0;
  for (let at = 0; at < source.length;) {
    token.lastIndex = at;
    const text = token.exec(source)?.[0] ?? "";
    const [quote] = /["']+$/.exec(text) ?? [];
    at = quote === undefined ? at + text.length : endOfString(source, at + text.length, quote, /^[bB]?[rR]/.test(text));
    if (/^(?:\s|\/\/)/.test(text)) continue;
    tokens += 1;
    if (text === "!" || text === "-") signs += 1;
    else signs = 0;
    if ("([{".includes(text)) open.push(0);
    else if (")]}".includes(text)) {
      if (open.length > 1) depth -= open.pop() ?? 0;
    } else if (text === "?") {
      open.push((open.pop() ?? 0) + 1);
      depth += 1;
    } else if (text === ",") {
      depth -= open.pop() ?? 0;
      open.push(0);
    }
    if (open.length - 1 + depth + signs > sourceLimits.depth) return `the expression is nested more than ${sourceLimits.depth} deep`;
    if (tokens > sourceLimits.tokens) return `the expression has more than ${sourceLimits.tokens} words and signs`;
  }
  return undefined;
}

function endOfString(source: string, from: number, quote: string, isRaw: boolean): number {
  for (let at = from; at < source.length; at++) {
    if (source.startsWith(quote, at)) return at + quote.length;
    if (!isRaw && source[at] === "\\") at += 1;
  }
  return source.length;
}
