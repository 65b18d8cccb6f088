/** What the documentation lists, held against the code. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DescEnum } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { ApprovalService } from "../gen/muster/approval/v1/approval_service_pb.ts";
import { PlatformRegistrationService } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ReasonSchema as SharedReasonSchema } from "../gen/muster/errors/v1/reasons_pb.ts";
import { ReasonSchema } from "../gen/muster/registration/v1/reasons_pb.ts";
import { RegistrationService } from "../gen/muster/registration/v1/registration_service_pb.ts";
import { createMeter } from "../src/adapters/prometheus/meter.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { commands } from "../src/cli/commands.ts";
import { cliReference } from "../src/cli/frame/markdown.ts";
import { parseConfig, variables } from "../src/config/config.ts";
import { approvalMeasures } from "../src/approvals/metrics.ts";
import { deliveryMeasures } from "../src/delivery/metrics.ts";
import { DomainError, sharedReasons, type Reason } from "../src/kernel/errors.ts";
import { openAccess, openDirectories } from "../src/open-people.ts";
import { registrationMeasures } from "../src/registration/metrics.ts";
import { approvalReasons } from "../src/approvals/reasons.ts";
import { ReasonSchema as ApprovalReasonSchema } from "../gen/muster/approval/v1/reasons_pb.ts";
import { ReasonSchema as InboundReasonSchema } from "../gen/muster/inbound/v1/reasons_pb.ts";
import { ReasonSchema as WebhookReasonSchema } from "../gen/muster/webhook/v1/reasons_pb.ts";
import { registrationReasons } from "../src/registration/reasons.ts";
import { metricsRoutes } from "../src/rpc/platform/metrics.ts";
import { inboundRoutes } from "../src/rpc/inbound/routes.ts";
import { probeRoutes } from "../src/rpc/platform/probes.ts";
import { rpcMeasures } from "../src/rpc/platform/rpc-metrics.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { webhookMeasures } from "../src/webhooks/metrics.ts";
import type { InboundDeps } from "../src/inbound/deps.ts";
import { inboundMeasures } from "../src/inbound/metrics.ts";
import { inboundReasons } from "../src/inbound/reasons.ts";
import { webhookReasons } from "../src/webhooks/reasons.ts";
import { docCommands, markdown, unusedReasons, whyNotRun } from "./support/doc-commands.ts";
import { codeSpans, filesBelow, read, root, tableBelow, withoutComments } from "./support/source-tree.ts";

const operations = read("docs/operations.md");
const product = filesBelow("src").filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));

describe("reasons", () => {
  const inDocs = (heading: string) => tableBelow(read("docs/errors.md"), heading).map(([reason]) => reason);
  const namesOf = ({ values }: DescEnum) => values.slice(1).map(({ name }) => name.replace(/^REASON_/, ""));
  const numbersOf = ({ values }: DescEnum) => values.map(({ number }) => number);

  test("of every domain are the same in the kernel, in muster.errors.v1 and in docs/errors.md, in the same order", () => {
    expect(namesOf(SharedReasonSchema)).toEqual([...sharedReasons]);
    expect(inDocs("Reasons of every domain")).toEqual([...sharedReasons]);
    expect(numbersOf(SharedReasonSchema)).toEqual([0, ...sharedReasons.map((_, index) => index + 1)]);
  });

  test("of registrations are the same in their list, in muster.registration.v1 beside the shared ones, and in docs/errors.md", () => {
    const wire = namesOf(ReasonSchema);
    expect(wire.filter((name) => registrationReasons.some((reason) => reason === name))).toEqual([...registrationReasons]);
    expect(wire.filter((name) => ![...registrationReasons, ...sharedReasons].some((reason) => reason === name))).toEqual([]);
    expect(inDocs("Reasons of registrations")).toEqual([...registrationReasons]);
    expect(numbersOf(ReasonSchema)).toEqual([0, ...wire.map((_, index) => index + 1)]);
  });

  test("of approvals are the same in their list, in muster.approval.v1 and in docs/errors.md", () => {
    expect(namesOf(ApprovalReasonSchema)).toEqual([...approvalReasons]);
    expect(inDocs("Reasons of approvals")).toEqual([...approvalReasons]);
    expect(numbersOf(ApprovalReasonSchema)).toEqual([0, ...approvalReasons.map((_, index) => index + 1)]);
  });

  test("of webhooks are the same in their list, in muster.webhook.v1 and in docs/errors.md", () => {
    expect(namesOf(WebhookReasonSchema)).toEqual([...webhookReasons]);
    expect(inDocs("Reasons of webhooks")).toEqual([...webhookReasons]);
    expect(numbersOf(WebhookReasonSchema)).toEqual([0, ...webhookReasons.map((_, index) => index + 1)]);
  });

  test("of events from outside are the same in their list, in muster.inbound.v1 and in docs/errors.md", () => {
    expect(namesOf(InboundReasonSchema)).toEqual([...inboundReasons]);
    expect(inDocs("Reasons of events from outside")).toEqual([...inboundReasons]);
    expect(numbersOf(InboundReasonSchema)).toEqual([0, ...inboundReasons.map((_, index) => index + 1)]);
  });

  test("have one meaning each: no two domains have the same name", async () => {
    const lists = await Promise.all(
      product.filter((path) => /^src\/[\w-]+\/reasons\.ts$/.test(path)).map(async (path) => listsOf(await import(join(root, path)))),
    );
    const all = [...sharedReasons, ...lists.flat()];
    expect(all).toContain("HOST_DENIED");
    expect(all.filter((name, index) => all.indexOf(name) < index)).toEqual([]);
  });

  test("are all given by something", () => {
    const code = product
      .filter((path) => !path.endsWith("/reasons.ts"))
      .map((path) => withoutComments(read(path)).replace(/export const sharedReasons = \[[\s\S]*?\]/, ""));
    const text = code.join("\n");
    // Of no use while every declared method is there; versions before gave it, and later ones may again.
    expect(
      [...sharedReasons, ...registrationReasons, ...approvalReasons, ...webhookReasons, ...inboundReasons].filter((reason) => !text.includes(`"${reason}"`)),
    ).toEqual(["NOT_IMPLEMENTED"]);
  });

  test("that nobody lists do not compile", () => {
    const of = (reason: Reason) => new DomainError({ kind: "invalid", reason, message: "" }).reason;
    // @ts-expect-error a letter is wrong
    expect(of("HOST_DENIDE")).toBe("HOST_DENIDE");
    expect([of("HOST_DENIED"), of("INTERNAL")]).toEqual(["HOST_DENIED", "INTERNAL"]);
  });
});

/** The lists of strings that a module exports. */
function listsOf(module: object): readonly string[] {
  return Object.values(module).flatMap((list: unknown) => (Array.isArray(list) ? list.map(String) : []));
}

describe("docs/operations.md", () => {
  test("has every variable with its default, and says which are secrets", () => {
    const documented = tableBelow(operations, "Configuration").map(([name = "", fallback = "", meaning = ""]) => [
      codeSpans(name)[0],
      { fallback: codeSpans(fallback)[0] ?? "", secret: meaning.includes("**Secret**") },
    ]);
    expect(documented).toEqual(Object.entries(variables));
  });

  /** The page of a server that has just started, and what it is made of. */
  async function metricsPage() {
    await using store = await openSqliteStore({ path: ":memory:" });
    const meter = createMeter(() => measures);
    const files = { clock: systemClock, log: () => undefined, meter };
    const access = await openAccess({ auth: { kind: "open" } }, files);
    const directories = await openDirectories({ directory: undefined }, { ...files, tokens: undefined, store });
    const poll = { url: "https://core.example/api/v1/events", headers: {}, everyMs: 10_000, cursor: undefined };
    const measures = [
      access.measures,
      directories.measures,
      approvalMeasures(store),
      webhookMeasures(store),
      inboundMeasures(store, () => [{ name: "entity-permissions", poll }]),
      registrationMeasures({ store, running: () => 0 }),
      deliveryMeasures({ store, clock: systemClock, hasSink: true, kinds: ["withdraw", "show"] }),
      rpcMeasures([PlatformRegistrationService, RegistrationService]),
    ];
    return { measures, body: (await meter.render()).body };
  }

  test("has every metric with its type; each counter stands at 0 from the start", async () => {
    const { measures, body } = await metricsPage();
    const rendered = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    for (const { name } of measures.flatMap(({ metrics }) => metrics).filter(({ kind }) => kind === "counter")) {
      expect(body).toMatch(new RegExp(`^${name}(\\{.*\\})? 0$`, "m"));
    }
    const documented = tableBelow(operations, "Metrics").map(([name = "", type = ""]) => `${codeSpans(name)[0]} ${type.split(":")[0]}`);
    expect(documented.toSorted()).toEqual(rendered.filter((line) => !/^(process|nodejs)_/.test(line)).toSorted());
  });

  test("says of which metrics there are alerts, which deploy/alerts.yml has, by series that are on the page", async () => {
    const { groups } = parse(read("deploy/alerts.yml")) as { groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(rules.every(({ annotations: { summary } }) => summary !== "")).toBe(true);
    // The last one: before it are the labels of a sum.
    const selectors = rules.map(({ expr }) => [...expr.matchAll(/\b([a-z]+(?:_[a-z]+)*)(?:\{(\w+="\w+")\})?(?=\)|\[)/g)].at(-1) ?? []);
    const { body } = await metricsPage();
    for (const [, name = "", label = ""] of selectors) expect(body).toMatch(new RegExp(`^${name}(\\{.*${label}.*\\})? `, "m"));
    const alerted = tableBelow(operations, "Metrics").filter(([, , meaning = ""]) => /\*\*alert/i.test(meaning));
    expect(selectors.map(([, name]) => name)).toEqual(alerted.map(([name = ""]) => codeSpans(name)[0]));
  });

  test("has every HTTP route", () => {
    const probes = probeRoutes({ checks: {}, draining: () => false, clock: systemClock });
    const events = inboundRoutes({
      deps: { sources: () => [] } as unknown as InboundDeps,
      clock: systemClock,
      store: { ping: async () => undefined },
      isLoopback: () => true,
    });
    const served = [...probes, ...metricsRoutes(async () => ({ contentType: "", body: "" })), ...events].map(({ path }) => path);
    const documented = tableBelow(operations, "HTTP routes").map(([path = ""]) => codeSpans(path)[0]);
    expect(documented.toSorted()).toEqual([...served, "/descriptor.binpb"].toSorted());
  });

  test("names every method that is not implemented, and no other", () => {
    const refused = [...read("src/rpc/registration/methods.ts").matchAll(/notImplemented(?:Stream)?\("(\w+)"\)/g)].map(([, rpc]) => rpc);
    const [missing = ""] = operations.split("\n## What is not there yet\n").slice(1);
    const methods = PlatformRegistrationService.methods.map(({ name }) => name);
    expect(
      codeSpans(missing)
        .filter((span) => methods.includes(span))
        .toSorted(),
    ).toEqual(refused.toSorted());
  });
});

test("docker-compose.yml gives Muster a configuration that is valid, and says how long it takes to stop", () => {
  const { services } = parse(read("docker-compose.yml")) as { services: { muster: { environment: Record<string, string>; stop_grace_period: string } } };
  const { environment, stop_grace_period: grace } = services.muster;
  const config = parseConfig(environment, () => "");
  expect([config.store.kind, config.catalog.kind, config.auth.kind, config.self?.host]).toEqual(["mysql", "consul", "credentials", "muster"]);
  expect(operations).toContain(`Allow ${Number.parseInt(grace, 10)} s before a kill`);
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

  test("every command that is fenced is run by test/docs-commands.test.ts, or there is a reason", () => {
    const run = docCommands.filter((command) => whyNotRun(command) === undefined);
    expect(run.length).toBeGreaterThan(40);
    expect(unusedReasons()).toEqual([]);
    const of = (readme: string) =>
      docCommands.filter(({ file, text }) => file === readme && /^(?!MODULE_).*examples\/python/.test(text)).map(({ text }) => text);
    expect(of("README.md")).toEqual(of("examples/python/README.md"));
  });

  test("a page whose commands begin with muster says where that is a command", () => {
    const pages = new Set(docCommands.filter(({ text }) => text.startsWith("muster ")).map(({ file }) => file));
    expect(pages.size).toBeGreaterThan(3);
    expect([...pages].filter((file) => !read(file).includes("(../README.md#from-the-command-line)"))).toEqual([]);
    expect(read("README.md")).toMatch(/^## From the command line\n[^#]*^npm install --global \.$/m);
  });

  test("every example of a module reads the variables that the table has", () => {
    const variables = [...read("examples/python/README.md").matchAll(/^\| (`[A-Z].*?) \|/gm)].flatMap(([, first = ""]) => codeSpans(first));
    expect(variables).toContain("MODULE_VERSION");
    for (const file of ["python/module.py", "go/main.go", "java/src/Module.java", "typescript/module.ts"]) {
      const text = read(`examples/${file}`);
      expect([file, variables.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))]).toEqual([file, []]);
    }
  });

  test("every npm script and every method that is called is there", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
    const methods = new Set(
      [PlatformRegistrationService, RegistrationService, ApprovalService].flatMap((service) =>
        service.methods.map(({ name }) => `${service.typeName}/${name}`),
      ),
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
