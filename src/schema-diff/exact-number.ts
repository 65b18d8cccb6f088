/**
 * Numbers of JSON as they are written, in decimals. A JavaScript number stands for the shortest decimal that denotes it
 * (0.1 for 0.1); a literal that says more than a double holds (9007199254740993, 1e400, 0.30000000000000001) is kept as
 * its text. So no two different representations stand for the same decimal, and `JSON.stringify` gives either back exactly.
 */

/** A literal of which no double is the exact decimal, as `JSON.rawJSON` makes it. */
export interface ExactNumber {
  readonly rawJSON: string;
}

export type Numeric = number | ExactNumber;

declare global {
  /** What Node 24 has and TypeScript's library does not describe yet. */
  interface JSON {
    rawJSON(text: string): ExactNumber;
    isRawJSON(value: unknown): value is ExactNumber;
  }
}

/** ± digits × 10^exponent. The digits neither begin nor end with a zero; those of nought are empty. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

/** A bound on what is written out in full: zeros of a large power of ten, digits that are divided. */
const mostDigits = 2_000;

/** Beyond this, exponents are not exact themselves. */
const largestExponent = 1e12;

/** Parses JSON so that no number loses digits. Throws what `JSON.parse` throws. */
export function parseExactly(text: string): unknown {
  // TypeScript's library does not know the third argument.
  return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
}

function keepDigits(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === "number" && source !== undefined ? numericOf(value, source) : value;
}

function numericOf(value: number, source: string): Numeric {
  // Up to 15 digits within this range survive the way through a double.
  if (source.length <= 15 && Math.abs(value) < 1e15 && !/[eE]/.test(source)) return value;
  return Number.isFinite(value) && canonicalText(decimalOf(source)) === canonicalText(decimalOf(String(value))) ? value : JSON.rawJSON(source);
}

export function isNumeric(value: unknown): value is Numeric {
  return typeof value === "number" || JSON.isRawJSON(value);
}

/** Whether its exponent is too large to be worked with. */
export function isBeyondReckoning(value: Numeric): boolean {
  return typeof value === "object" && !(Math.abs(decimal(value).exponent) <= largestExponent);
}

/** The nearest double, perhaps infinite. */
export function doubleOf(value: Numeric): number {
  return typeof value === "number" ? value : Number(value.rawJSON);
}

/** One text for each decimal. */
export function numericText(value: Numeric): string {
  return typeof value === "number" ? String(value) : canonicalText(decimal(value));
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`; either may be infinite. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a < b ? -1 : 1;
  if (isInfinite(a)) return Number(a);
  if (isInfinite(b)) return -Number(b);
  const [one, other] = [decimal(a), decimal(b)];
  const [signOne, signOther] = [signOf(one), signOf(other)];
  if (signOne !== signOther) return signOne - signOther;
  return signOne < 0 ? compareMagnitudes(other, one) : compareMagnitudes(one, other);
}

/** The greatest; -Infinity of none. */
export function greatest(values: readonly Numeric[]): Numeric {
  return values.reduce((found, value) => (compareNumeric(value, found) > 0 ? value : found), -Infinity);
}

/** The least; Infinity of none. */
export function least(values: readonly Numeric[]): Numeric {
  return values.reduce((found, value) => (compareNumeric(value, found) < 0 ? value : found), Infinity);
}

export function negated(value: Numeric): Numeric {
  if (typeof value === "number") return -value;
  return JSON.rawJSON(value.rawJSON.startsWith("-") ? value.rawJSON.slice(1) : `-${value.rawJSON}`);
}

export function isWhole(value: Numeric): boolean {
  return typeof value === "number" ? Number.isInteger(value) : isWholeDecimal(decimal(value));
}

/**
 * The least integer that is not less than the value, or with `above` the least that is greater. Undefined when that has too
 * many digits to write out.
 */
export function nextInteger(value: Numeric, above: boolean): Numeric | undefined {
  if (typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER) return above ? Math.floor(value) + 1 : Math.ceil(value);
  const { negative, digits, exponent } = decimal(value);
  if (Math.abs(exponent) > mostDigits || digits.length > mostDigits) return undefined;
  const whole = BigInt(exponent >= 0 ? digits + "0".repeat(exponent) : digits.slice(0, exponent) || "0");
  const isExact = exponent >= 0;
  const floor = negative ? -whole - (isExact ? 0n : 1n) : whole;
  const next = String(above || !isExact ? floor + 1n : floor);
  return numericOf(Number(next), next);
}

/** Whether a value is a whole number of times `step`, which is positive; undefined when there are too many digits to divide. */
export function isMultipleOf(value: Numeric, step: Numeric): boolean | undefined {
  const [dividend, divisor] = [decimal(value), decimal(step)];
  if (dividend.digits === "") return true;
  if (divisor.digits === "" || dividend.digits.length > mostDigits || divisor.digits.length > mostDigits) return undefined;
  const shift = dividend.exponent - divisor.exponent;
  // The dividend's digits do not end with a zero, so that no power of ten divides them.
  if (shift < 0) return false;
  if (!Number.isSafeInteger(shift)) return undefined;
  const modulus = BigInt(divisor.digits);
  return (BigInt(dividend.digits) * powerOfTen(shift, modulus)) % modulus === 0n;
}

function isInfinite(value: Numeric): boolean {
  return value === Infinity || value === -Infinity;
}

function isWholeDecimal({ digits, exponent }: Decimal): boolean {
  return digits === "" || exponent >= 0;
}

function decimal(value: Numeric): Decimal {
  return decimalOf(typeof value === "number" ? String(value) : value.rawJSON);
}

/** Of a JSON number. */
function decimalOf(text: string): Decimal {
  const [, sign = "", whole = "", fraction = "", power = "0"] = /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = (whole + fraction).replace(/^0+/, "");
  const digits = withoutTrailingZeros(all);
  if (digits === "") return { negative: false, digits, exponent: 0 };
  return { negative: sign === "-", digits, exponent: Number(power) - fraction.length + (all.length - digits.length) };
}

/** A regular expression would look at every run of zeros from each of its places. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === "0") end -= 1;
  return digits.slice(0, end);
}

function canonicalText({ negative, digits, exponent }: Decimal): string {
  return `${negative ? "-" : ""}${digits}e${exponent}`;
}

function signOf({ negative, digits }: Decimal): number {
  return digits === "" ? 0 : negative ? -1 : 1;
}

function compareMagnitudes(one: Decimal, other: Decimal): number {
  const [size, otherSize] = [one.digits.length + one.exponent, other.digits.length + other.exponent];
  if (size !== otherSize) return size - otherSize;
  // Both begin at the same power of ten: the order of their texts is that of the numbers.
  return one.digits === other.digits ? 0 : one.digits < other.digits ? -1 : 1;
}

/** 10^exponent mod modulus. */
function powerOfTen(exponent: number, modulus: bigint): bigint {
  let power = 1n % modulus;
  let square = 10n % modulus;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = (power * square) % modulus;
    square = (square * square) % modulus;
  }
  return power;
}
