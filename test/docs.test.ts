/** What the documentation lists, held against the code. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ReasonSchema } from "../gen/muster/registration/v1/reasons_pb.ts";
import { RegistrationService } from "../gen/muster/registration/v1/registration_service_pb.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { commands } from "../src/cli/commands.ts";
import { cliReference } from "../src/cli/frame/markdown.ts";
import { variables } from "../src/config/config.ts";
import { reasons } from "../src/kernel/errors.ts";
import { metricsRoutes } from "../src/rpc/platform/metrics.ts";
import { probeRoutes } from "../src/rpc/platform/probes.ts";
import { createMetrics } from "../src/metrics.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { codeSpans, filesBelow, read, root, tableBelow, withoutComments } from "./support/source-tree.ts";

const operations = read("docs/operations.md");
const markdown = ["README.md", ...["docs", "deploy", "examples", "test"].flatMap(filesBelow).filter((path) => path.endsWith(".md"))];
const product = filesBelow("src").filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));

describe("reasons", () => {
  test("are the same in src/kernel/errors.ts, in the proto and in docs/errors.md, in the same order", () => {
    const inProto = ReasonSchema.values.slice(1).map(({ name }) => name.replace(/^REASON_/, ""));
    const inDocs = tableBelow(read("docs/errors.md"), "Reasons").map(([reason]) => reason);
    expect(inProto).toEqual([...reasons]);
    expect(inDocs).toEqual([...reasons]);
    expect(ReasonSchema.values.map(({ number }) => number)).toEqual(ReasonSchema.values.map((_, index) => index));
  });

  test("are all given by something", () => {
    const declared = /export const reasons = \[[\s\S]*?\]|lastingReasons[^\n]*/g;
    const code = product.map((path) => withoutComments(read(path)).replace(declared, "")).join("\n");
    // Of no use while every declared method is there; versions before gave it, and later ones may again.
    expect(reasons.filter((reason) => !code.includes(`"${reason}"`))).toEqual(["NOT_IMPLEMENTED"]);
  });
});

describe("docs/operations.md", () => {
  test("has every variable with its default, and says which are secrets", () => {
    const told = tableBelow(operations, "Configuration").map(([name = "", fallback = "", meaning = ""]) => [
      codeSpans(name)[0],
      { fallback: codeSpans(fallback)[0] ?? "", secret: meaning.includes("**Secret**") },
    ]);
    expect(told).toEqual(Object.entries(variables));
  });

  test("has every metric with its type", async () => {
    await using store = await openSqliteStore({ path: ":memory:" });
    const { body } = await createMetrics({ store, hasSink: true, running: () => 0, now: () => 0 }).render();
    const rendered = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    const told = tableBelow(operations, "Metrics").map(([name = "", type = ""]) => `${codeSpans(name)[0]} ${type.split(":")[0]}`);
    expect(told.toSorted()).toEqual(rendered.filter((line) => !/^(process|nodejs)_/.test(line)).toSorted());
  });

  test("has every HTTP route", () => {
    const probes = probeRoutes({ checks: {}, draining: () => false, clock: systemClock });
    const served = [...probes, ...metricsRoutes(async () => ({ contentType: "", body: "" }))].map(({ path }) => path);
    const told = tableBelow(operations, "HTTP routes").map(([path = ""]) => codeSpans(path)[0]);
    expect(told.toSorted()).toEqual([...served, "/descriptor.binpb"].toSorted());
  });

  test("names every method that is not implemented, and no other", () => {
    const refused = [...read("src/rpc/registration/routes.ts").matchAll(/notImplemented(?:Stream)?\("(\w+)"\)/g)].map(([, rpc]) => rpc);
    const [missing = ""] = operations.split("\n## What is not there yet\n").slice(1);
    const methods = PlatformRegistrationService.methods.map(({ name }) => name);
    expect(
      codeSpans(missing)
        .filter((span) => methods.includes(span))
        .toSorted(),
    ).toEqual(refused.toSorted());
  });
});

test("docs/cli.md is what the table of commands makes: npm run clidocs", () => {
  expect(read("docs/cli.md")).toBe(cliReference(commands));
});

describe("what is written in Markdown", () => {
  test("every relative link leads somewhere", () => {
    const dead = markdown.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:)([^)#\s]+)/g)]
        .filter(([, target = ""]) => !existsSync(join(root, dirname(path), target)))
        .map(([, target]) => `${path}: ${target}`),
    );
    expect(dead).toEqual([]);
  });

  test("every file of the repository that is named is there", () => {
    const made = ["examples/go/module", "deploy/compose/tokens.json"];
    const named = markdown.flatMap((path) =>
      [...read(path).matchAll(/(?<![\w./~-])(?:\.ci|bench|bin|deploy|docs|examples|proto|src|test)\/[\w./-]*\w/g)].map(([file]) => ({ path, file })),
    );
    expect(
      named.filter(({ file }) => !made.includes(file) && !/^examples\/[\w-]+\/(gen|target|\.venv)(\/|$)/.test(file) && !existsSync(join(root, file))),
    ).toEqual([]);
  });

  test("every npm script and every method that is called is there", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
    const methods = new Set(
      [PlatformRegistrationService, RegistrationService].flatMap((service) => service.methods.map(({ name }) => `${service.typeName}/${name}`)),
    );
    const text = markdown.map(read).join("\n");
    const called = [...text.matchAll(/\b(?:ai|muster)(?:\.\w+)+\.\w+Service\/\w+/g)].map(([method]) => method);
    const run = [...text.matchAll(/\bnpm run (\w+)/g)].map(([, script = ""]) => script);
    expect(called.length).toBeGreaterThan(0);
    expect(called.filter((method) => !methods.has(method))).toEqual([]);
    expect(run.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});

test("the platform's contract imports nothing but google/protobuf, so that plain protoc takes it", () => {
  const imports = filesBelow("proto/ai").flatMap((path) =>
    [...read(path).matchAll(/^import\s+(?:public\s+|weak\s+)?"([^"]+)"/gm)].map(([, file = ""]) => file),
  );
  expect(imports.length).toBeGreaterThan(0);
  expect(imports.filter((file) => !file.startsWith("google/protobuf/"))).toEqual([]);
});
