/**
 * What Muster makes of JSON Schemas that others wrote: `node bench/schemas.ts FOLDER [--list] [--like TEXT]`. Checks every
 * `.json` file below the folder as if a module gave it, prints how many are accepted and why the others are refused, and
 * how long a check takes. `--list` names each refused file with its place and reason, `--like` only the files whose name
 * contains a text.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createSchemaSandbox } from "../src/adapters/schema-sandbox/sandbox.ts";
import { createSchemaCheck } from "../src/adapters/schema-sandbox/schema-check.ts";
import { toDomainError } from "../src/kernel/errors.ts";
import { quantile } from "./stats.ts";

interface Tried {
  readonly file: string;
  readonly ms: number;
  /** Undefined when accepted. */
  readonly reason: string | undefined;
  readonly message: string;
}

async function schemaFiles(folder: string, like: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true });
  return found.filter((name) => name.endsWith(".json") && name.includes(like)).toSorted();
}

async function tryAll(folder: string, files: readonly string[]): Promise<readonly Tried[]> {
  await using sandbox = createSchemaSandbox();
  const check = createSchemaCheck(sandbox);
  const { signal } = new AbortController();
  await check('{"title":"starts the child"}', "bench", signal);
  const tried: Tried[] = [];
  for (const file of files) {
    const text = await readFile(join(folder, file), "utf8");
    const started = performance.now();
    const refusal = await check(text, "bench", signal).then(
      () => undefined,
      (error: unknown) => toDomainError(error),
    );
    tried.push({ file, ms: performance.now() - started, reason: refusal?.reason, message: refusal?.message ?? "" });
  }
  return tried;
}

function report(tried: readonly Tried[], lists: boolean): string {
  const accepted = tried.filter(({ reason }) => reason === undefined);
  const refused = Map.groupBy(
    tried.filter(({ reason }) => reason !== undefined),
    ({ reason }) => reason ?? "",
  );
  const times = tried.map(({ ms }) => ms);
  const ms = (q: number) => `${quantile(times, q).toFixed(1)} ms`;
  const lines = [
    `${accepted.length} of ${tried.length} accepted (${((100 * accepted.length) / tried.length).toFixed(1)} %)`,
    ...[...refused].toSorted(([, a], [, b]) => b.length - a.length).map(([reason, those]) => `${String(those.length).padStart(5)}  ${reason}`),
    `time of a check: p50 ${ms(0.5)}, p99 ${ms(0.99)}, slowest ${ms(1)}`,
  ];
  const listed = [...refused].flatMap(([reason, those]) => those.map(({ file, message }) => `${reason}  ${file}  ${message}`));
  return `${[...(lists ? listed : []), ...lines].join("\n")}\n`;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { list: { type: "boolean", default: false }, like: { type: "string", default: "" } },
});
const [folder] = positionals;
if (folder === undefined) {
  process.stderr.write("usage: node bench/schemas.ts FOLDER [--list] [--like TEXT]\n");
  process.exitCode = 2;
} else {
  process.stdout.write(report(await tryAll(folder, await schemaFiles(folder, values.like)), values.list));
}
