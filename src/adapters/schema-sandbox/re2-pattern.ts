/**
 * ECMAScript's regular expressions for RE2, to find out whether they can be matched in linear time. What is but a set of
 * characters under a name that RE2 does not know (`\p{Letter}`, `\p{ID_Start}`) is replaced by another set, for which one it
 * is makes no difference to that: the result is to be compiled, never to be matched with.
 */

export interface Re2Pattern {
  readonly text: string;
  /** The same with every count of repeats brought down to one or two. */
  readonly unrepeated: string;
  /** Characters, classes and groups that there are when all repeats are written out. */
  readonly size: number;
}

/** A pattern that refers back to what a group has matched. */
export class BackReference extends Error {}

interface Piece {
  readonly text: string;
  readonly length: number;
}

/** Throws `BackReference`. Takes time in proportion to the pattern's length. */
export function re2Pattern(pattern: string): Re2Pattern {
  const groups = pattern.match(/\((?!\?)|\(\?<(?![=!])/g)?.length ?? 0;
  const nests = compiles(pattern, "v") && !compiles(pattern, "u") && !compiles(pattern, "");
  const texts: string[] = [];
  const unrepeated: string[] = [];
  /** Of each open group, what it comes to by now. */
  const sizes = [0];
  /** Of what stands last. */
  let last = 0;

  function add(text: string, size: number): void {
    texts.push(text);
    unrepeated.push(text);
    grow(size);
  }

  function grow(size: number): void {
    sizes.push((sizes.pop() ?? 0) + size);
    last = size;
  }

  function repeat(text: string): void {
    const [least = 0, most = least] = [...text.matchAll(/\d+/g)].map(Number);
    texts.push(text);
    unrepeated.push(least > most ? text : text.includes(",") ? `{${Math.min(least, 1)},2}` : `{${Math.min(least, 2)}}`);
    grow(last * (Math.max(least, most, 1) - 1));
  }

  for (let at = 0; at < pattern.length;) {
    const rest = pattern.slice(at, at + longestToken);
    const [group] = /^\((?:\?(?:<(?![=!])[^>]*>|:)?)?/.exec(rest) ?? [];
    const [counts] = /^\{\d+(?:,\d*)?\}/.exec(rest) ?? [];
    let length = 1;
    if (rest.startsWith("\\")) {
      const escape = escapeAt(rest, false, groups);
      add(escape.text, 1);
      length = escape.length;
    } else if (rest.startsWith("[")) {
      const set = nests ? nestedSetAt(pattern, at) : setAt(pattern, at, groups);
      add(set.text, 1);
      length = set.length;
    } else if (group !== undefined) {
      // Names say nothing here, and RE2 knows fewer.
      const text = group.startsWith("(?<") ? "(" : group;
      texts.push(text);
      unrepeated.push(text);
      sizes.push(1);
      length = group.length;
    } else if (rest.startsWith(")")) {
      add(")", 0);
      last = sizes.length > 1 ? (sizes.pop() ?? 0) : 0;
      sizes.push((sizes.pop() ?? 0) + last);
    } else if (counts !== undefined) {
      repeat(counts);
      length = counts.length;
    } else if (/^[{}\]]/.test(rest)) add(`\\${rest.slice(0, 1)}`, 1);
    else if (/^[*+?]/.test(rest)) {
      texts.push(rest.slice(0, 1));
      unrepeated.push(rest.slice(0, 1));
    } else add(rest.slice(0, 1), 1);
    at += length;
  }
  return { text: texts.join(""), unrepeated: unrepeated.join(""), size: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Longer names of groups and properties are left as they are. */
const longestToken = 256;

/** Whether an ECMAScript engine takes the pattern, in any of its modes. */
export function isEcmaPattern(pattern: string): boolean {
  return compiles(pattern, "u") || compiles(pattern, "v") || compiles(pattern, "");
}

function compiles(pattern: string, flags: string): boolean {
  try {
    return new RegExp(pattern, flags) instanceof RegExp;
  } catch {
    return false;
  }
}

/** What begins with a backslash. */
function escapeAt(rest: string, inSet: boolean, groups: number): Piece {
  const [property] = /^\\[pP]\{[A-Za-z_]+(?:=[A-Za-z0-9_]+)?\}/.exec(rest) ?? [];
  if (property !== undefined) {
    const isKnown = compiles(property, "u") || (!inSet && compiles(property, "v"));
    return { text: isKnown ? `\\${rest.slice(1, 2)}L` : property, length: property.length };
  }
  const [unicode, digits = ""] = /^\\u(?:\{([0-9A-Fa-f]{1,6})\})/.exec(rest) ?? /^\\u([0-9A-Fa-f]{4})/.exec(rest) ?? [];
  if (unicode !== undefined) return { text: `\\x{${digits}}`, length: unicode.length };
  const [number] = /^\\[0-9]+/.exec(rest) ?? [];
  if (number !== undefined) return numberEscape(number, inSet, groups);
  if (!inSet && rest.startsWith("\\k<")) throw new BackReference("back-references are not supported");
  if (/^\\c[A-Za-z]/.test(rest)) return { text: `\\x{${((rest.codePointAt(2) ?? 0) % 32).toString(16)}}`, length: 3 };
  const [hex] = /^\\x[0-9A-Fa-f]{2}/.exec(rest) ?? [];
  if (hex !== undefined) return { text: hex, length: 4 };
  const name = rest.slice(1, 2);
  if (inSet && name === "b") return { text: "\\x08", length: 2 };
  if ((inSet ? /[dDwWsSpPtnrfv]/ : /[dDwWsSpPtnrfvbBAz]/).test(name)) return { text: `\\${name}`, length: 2 };
  // Any other letter stands for itself.
  return { text: /[A-Za-z]|[^\0-\x7f]/.test(name) ? name : `\\${name}`, length: 2 };
}

function numberEscape(text: string, inSet: boolean, groups: number): Piece {
  const number = Number(text.slice(1));
  if (!inSet && number > 0 && number <= groups) throw new BackReference("back-references are not supported");
  return { text: "\\x00", length: text.length };
}

/** A set in brackets. */
function setAt(pattern: string, from: number, groups: number): Piece {
  const parts: string[] = [];
  let at = from + 1;
  const isNegated = pattern[at] === "^";
  if (isNegated) at += 1;
  let wasSet = false;
  while (at < pattern.length && pattern[at] !== "]") {
    const rest = pattern.slice(at, at + longestToken);
    const escape = rest.startsWith("\\") ? escapeAt(rest, true, groups) : undefined;
    const isSet = escape !== undefined && /^\\[dDwWsSpP]/.test(escape.text);
    // Beside a set, a hyphen stands for itself.
    const isHyphen = rest.startsWith("-") && (wasSet || /^-\\[dDwWsSpP]/.test(rest));
    parts.push(escape?.text ?? (isHyphen ? "\\-" : rest.startsWith("[") ? "\\[" : rest.slice(0, 1)));
    wasSet = isSet;
    at += escape?.length ?? 1;
  }
  const isClosed = at < pattern.length;
  const any = "\\x{0}-\\x{10FFFF}";
  const text = parts.length > 0 ? `[${isNegated ? "^" : ""}${parts.join("")}` : `[${isNegated ? "" : "^"}${any}`;
  return { text: isClosed ? `${text}]` : text, length: at - from + 1 };
}

/** A set with sets in it, which ECMAScript's newest mode has: some set. */
function nestedSetAt(pattern: string, from: number): Piece {
  let depth = 0;
  let at = from;
  do {
    const character = pattern[at];
    if (character === "[") depth += 1;
    if (character === "]") depth -= 1;
    at += character === "\\" ? 2 : 1;
  } while (depth > 0 && at < pattern.length);
  return { text: "[a]", length: at - from };
}
