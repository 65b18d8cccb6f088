/** docs/architecture.md, held against the code. */
import { existsSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { codeSpans, filesBelow, importsOf, read, root, tableBelow, withoutComments } from "./support/source-tree.ts";

const doc = read("docs/architecture.md");
const isTest = (path: string) => path.endsWith(".test.ts");
const sources = filesBelow("src").filter((path) => path.endsWith(".ts"));
const product = sources.filter((path) => !isTest(path));
const tests = [...filesBelow("test").filter((path) => path.endsWith(".ts")), ...sources.filter(isTest)];

interface Row {
  readonly part: string;
  readonly mayImport: readonly string[];
  readonly outside: readonly string[];
}

const rows: readonly Row[] = tableBelow(doc, "Who may import whom").map(([part = "", mayImport = "", outside = ""]) => ({
  part: inSource(codeSpans(part)[0] ?? ""),
  mayImport: codeSpans(mayImport).map(inSource),
  outside: outside === "any" ? [""] : codeSpans(outside),
}));

function inSource(path: string): string {
  return path.startsWith("gen/") ? path : `src/${path}`;
}

function covers(part: string, path: string): boolean {
  return part.endsWith("/") ? path.startsWith(part) : path === part;
}

function rowOf(path: string): Row | undefined {
  return rows.filter(({ part }) => covers(part, path)).toSorted((a, b) => b.part.length - a.part.length)[0];
}

/** `path: what is wrong`, for every match of `pattern` outside comments in `files`. */
function findings(files: readonly string[], pattern: RegExp): readonly string[] {
  return files.flatMap(
    (path) =>
      withoutComments(read(path))
        .match(pattern)
        ?.map((found) => `${path}: ${found}`) ?? [],
  );
}

describe("imports", () => {
  test("the table has a row for every file, and a file for every row", () => {
    expect(product.filter((path) => !rowOf(path))).toEqual([]);
    expect(rows.filter(({ part }) => !product.some((path) => rowOf(path)?.part === part)).map(({ part }) => part)).toEqual([]);
  });

  test("every file imports only what its row allows", () => {
    const wrong = product.flatMap((path) => {
      const row = rowOf(path);
      const allowed = [row?.part ?? "", ...(row?.mayImport ?? [])];
      return importsOf(path)
        .filter(({ target, isOurs }) => (isOurs ? !allowed.some((part) => covers(part, target)) : !row?.outside.some((name) => target.startsWith(name))))
        .map(({ target }) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test("nothing is allowed that nobody needs", () => {
    const idle = rows.flatMap(({ part, mayImport }) => {
      const targets = product.filter((path) => rowOf(path)?.part === part).flatMap((path) => importsOf(path).map(({ target }) => target));
      return mayImport.filter((allowed) => !targets.some((target) => covers(allowed, target))).map((allowed) => `${part} does not import ${allowed}`);
    });
    expect(idle).toEqual([]);
  });

  /** A domain is a folder of this name in `src`, and in the other layers; what is of no domain is the common floor. */
  const domains = filesBelow("src/store").flatMap((path) => /^src\/store\/(?!engine|delivery)([a-z-]+)\//.exec(path)?.[1] ?? []);
  const domainOf = (path: string) => domains.find((name) => path.split("/").includes(name));

  test("domains never import each other", () => {
    expect(domains).toContain("registration");
    const wrong = product
      .filter((path) => domainOf(path) !== undefined)
      .flatMap((path) =>
        importsOf(path).flatMap(({ target }) => ([domainOf(path), undefined].includes(domainOf(target)) ? [] : [`${path} imports ${target}`])),
      );
    expect(wrong).toEqual([]);
  });

  test("the common floor imports no domain", () => {
    const floor = product.filter((path) =>
      ["kernel", "delivery", "store/engine", "store/delivery", "rpc/transport"].some((part) => path.startsWith(`src/${part}/`)),
    );
    const wrong = floor.flatMap((path) => importsOf(path).flatMap(({ target }) => (domainOf(target) === undefined ? [] : [`${path} imports ${target}`])));
    expect(wrong).toEqual([]);
  });

  test("no file imports itself by way of others, not even a type", () => {
    expect(circles(new Map(product.map((path) => [path, importsOf(path).map(({ target }) => target)])))).toEqual([]);
  });

  test("an import leads to a file that is there", () => {
    const dangling = [...product, ...tests].flatMap((path) =>
      importsOf(path)
        .filter(({ target, isOurs }) => isOurs && !existsSync(join(root, target)))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(dangling).toEqual([]);
  });
});

describe("files", () => {
  test.each(["src/kernel/ports.ts", "src/registration/ports.ts"])("%s holds types and nothing that runs", (path) => {
    expect(importsOf(path).filter(({ isTypeOnly }) => !isTypeOnly)).toEqual([]);
    expect(withoutComments(stripTypeScriptTypes(read(path))).trim()).toBe("");
  });

  test("none has more than 300 lines", () => {
    const long = [...product, ...tests]
      .filter((path) => !path.includes("/migrations/"))
      .map((path) => ({ path, lines: read(path).trimEnd().split("\n").length }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  test("none is a barrel, none has a default export", () => {
    expect([...product, ...tests].filter((path) => /(^|\/)index\.ts$/.test(path))).toEqual([]);
    // Vitest takes a reporter by its default export.
    const files = [...product, ...tests].filter((path) => path !== "test/support/totals-reporter.ts");
    expect(findings(files, /\bexport default\b|\bas default\b/g)).toEqual([]);
  });

  test("every folder stands in the tree of docs/architecture.md, and the tree has no other", () => {
    const tree = /## The tree\n\n```\n([\s\S]*?)```/.exec(doc)?.[1] ?? "";
    const listed = tree.split("\n").flatMap((line) => /^(\S+\/)(\s|$)/.exec(line)?.[1] ?? []);
    const walked = [".ci", "bench", "bin", "deploy", "docs", "examples", "src", "test"];
    const folders = new Set(walked.flatMap(filesBelow).flatMap((path) => ancestors(dirname(path))));
    expect([...folders].filter((folder) => !listed.includes(folder)).toSorted()).toEqual([]);
    expect(listed.filter((folder) => !existsSync(join(root, folder)))).toEqual([]);
  });
});

/** The files that each import themselves by way of others. */
function circles(imports: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return [...imports.keys()].filter((start) => {
    const seen = new Set<string>();
    const queue = [...(imports.get(start) ?? [])];
    for (const path of queue) {
      if (path === start) return true;
      if (seen.has(path)) continue;
      seen.add(path);
      queue.push(...(imports.get(path) ?? []));
    }
    return false;
  });
}

function ancestors(folder: string): readonly string[] {
  return folder === "." ? [] : [`${folder}/`, ...ancestors(dirname(folder))];
}

describe("what must not be", () => {
  const ambient: Readonly<Record<string, string>> = {
    "src/main.ts": "is the process",
    "src/adapters/system/clock.ts": "is the clock",
    "src/adapters/schema-sandbox/child.ts": "takes the environment of its own process away",
    "src/rpc/transport/lane-call.ts": "ends calls in time, with less for each of very many than a signal takes",
    "src/adapters/consul/watch.ts": "spreads the pauses of replicas that lost the same server",
    "src/store/engine/mysql.ts": "spreads the pauses of transactions that met each other",
  };
  const pattern = /\bprocess\.env\b|\bDate\.now\b|\brandomUUID\(|(?<!\.)\bsetTimeout\(|\bsetInterval\(|\bMath\.random\(/g;

  test("time, ids, chance and environment are asked for in the places that say why, and nowhere else", () => {
    expect(
      findings(
        product.filter((path) => !Object.hasOwn(ambient, path)),
        pattern,
      ),
    ).toEqual([]);
    expect(Object.keys(ambient).filter((path) => findings([path], pattern).length === 0)).toEqual([]);
  });

  test("mocks of our own modules", () => {
    expect(
      findings(
        tests.filter((path) => path !== "test/architecture.test.ts"),
        /\bvi\.(mock|doMock|hoisted)\(/g,
      ),
    ).toEqual([]);
  });

  test("tests that are left out: what needs the real servers goes through describeReal, which says so or fails", () => {
    const files = tests.filter((path) => path !== "test/support/real-servers.ts");
    expect(findings(files, /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|only|todo|skipIf|runIf)\b/g)).toEqual([]);
  });
});
