/**
 * Holds verdicts about numbers that no double can tell apart against Ajv: random schemas of small whole numbers, which Ajv
 * judges exactly, are written anew with every number shifted or scaled. That changes nothing of which value is valid, so
 * that what breaks on the small numbers must not be called NONE or COMPATIBLE on the others.
 */
import { assert, gen, property } from "fast-check";
import { compareSchemas } from "../../src/schema-diff/compare-schemas.ts";
import { quickValidatorOf } from "./ajv.ts";
import { type Chance, chanceOf } from "./chance.ts";

type Numbers = Readonly<Record<string, number | readonly number[]>>;

interface Scale {
  readonly name: string;
  /** The number as JSON. */
  readonly written: (number: number) => string;
  /** Shifting keeps no multiples. */
  readonly keepsMultiples: boolean;
}

const scales: readonly Scale[] = [
  { name: "hundredths", written: (number) => `${number}e-2`, keepsMultiples: true },
  { name: "thousandths, in full", written: (number) => `${number < 0 ? "-" : ""}0.00${Math.abs(number).toString().padStart(2, "0")}`, keepsMultiples: true },
  { name: "beyond what a double holds", written: (number) => `${number}e400`, keepsMultiples: true },
  { name: "below what a double holds", written: (number) => `${number}e-400`, keepsMultiples: true },
  { name: "large integers", written: (number) => String(9_223_372_036_854_775_000n + BigInt(number)), keepsMultiples: false },
  { name: "just above 0.3", written: (number) => `0.3${String(20 + number).padStart(20, "0")}`, keepsMultiples: false },
];

const instances = Array.from({ length: 41 }, (_, index) => index - 20);

/** How many pairs were shown to break. Throws with the pair when a verdict is wrong. */
export function checkScales(pairs: number, seed: number): number {
  let broken = 0;
  assert(
    property(gen(), (generate) => {
      const chance = chanceOf(generate);
      const former = randomNumbers(chance);
      const next = chance.oneIn(2) ? { ...former, ...randomNumbers(chance) } : randomNumbers(chance);
      const [before, after] = [quickValidatorOf(former), quickValidatorOf(next)];
      const breaks = instances.some((value) => before(value) && !after(value));
      const differs = instances.some((value) => before(value) !== after(value));
      if (breaks) broken += 1;
      for (const scale of scales.filter(({ keepsMultiples }) => keepsMultiples || !("multipleOf" in former || "multipleOf" in next))) {
        const [one, other] = [textIn(scale, former), textIn(scale, next)];
        const { verdict } = compareSchemas(one, other);
        const isWrong = (differs && verdict === "NONE") || (breaks && verdict === "COMPATIBLE");
        if (isWrong) throw new Error(`${scale.name}: ${verdict}, though it ${breaks ? "breaks" : "differs"}: ${one} → ${other}`);
        if (compareSchemas(one, one).verdict !== "NONE") throw new Error(`${scale.name}: ${one} differs from itself`);
      }
    }),
    { seed, numRuns: pairs, endOnFailure: true },
  );
  return broken;
}

function randomNumbers(chance: Chance): Numbers {
  const number = () => chance.number(16) - 5;
  const groups: readonly (() => Numbers)[] = [
    () => ({ [chance.pick(["minimum", "exclusiveMinimum"])]: number() }),
    () => ({ [chance.pick(["maximum", "exclusiveMaximum"])]: number() }),
    () => ({ multipleOf: 1 + chance.number(6) }),
    () => ({ const: number() }),
    () => ({ enum: [...new Set(chance.some(1, 4, number))] }),
  ];
  return Object.assign({}, ...chance.some(1, 3, () => chance.pick(groups)()));
}

function textIn({ written }: Scale, numbers: Numbers): string {
  const members = Object.entries(numbers).map(([keyword, value]) => {
    const text = typeof value === "number" ? written(value) : `[${value.map(written).join(",")}]`;
    return `"${keyword}":${text}`;
  });
  return `{${members.join(",")}}`;
}

if (import.meta.main) {
  const [pairs = "10000", seed = "1"] = process.argv.slice(2);
  process.stdout.write(`${checkScales(Number(pairs), Number(seed))} of ${pairs} break\n`);
}
