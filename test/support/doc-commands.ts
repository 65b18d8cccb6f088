/** The commands that the documentation shows, and why some of them are not run by `test/docs-commands.test.ts`. */
import { filesBelow, read } from "./source-tree.ts";

/** All documents of the repository. */
export const markdown: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  ...["docs", "deploy", "examples", "test"].flatMap(filesBelow).filter((path) => path.endsWith(".md")),
];

export interface DocCommand {
  readonly file: string;
  readonly text: string;
}

/** Of blocks fenced as `sh` every command, of those without a name what follows `$ `; in the order of the documents. */
export const docCommands: readonly DocCommand[] = markdown.flatMap((file) => commandsIn(read(file)).map((text) => ({ file, text })));

function commandsIn(markdownText: string): readonly string[] {
  return [...markdownText.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].flatMap(([, language, block = ""]) =>
    language === "sh" || language === "" ? commandsOf(block, language === "sh") : [],
  );
}

function commandsOf(block: string, isShell: boolean): readonly string[] {
  const commands: string[] = [];
  let open: string | undefined;
  for (const line of block.split("\n")) {
    const begun = isShell ? (/^(?!#|$).*/.exec(line)?.[0] ?? undefined) : /^\$ (.*)/.exec(line)?.[1];
    const text: string | undefined = open === undefined ? begun : `${open}\n${line}`;
    if (text === undefined) continue;
    open = goesOn(text) ? text : undefined;
    if (open === undefined) commands.push(text);
  }
  return commands;
}

/** It ends in a backslash, or within a quotation. */
function goesOn(text: string): boolean {
  return text.endsWith("\\") || (text.match(/'/g) ?? []).length % 2 === 1;
}

/** Which commands are not run, by a text that they begin with or contain, and why. */
const reasons: readonly (readonly [file: RegExp, text: RegExp, why: string])[] = [
  [/^(README|CONTRIBUTING)\.md$/, /^(npm ci|npm start|npm test)/, "installs, serves and tests: .ci/run does so"],
  [/^README\.md$/, /^npm install --global/, "changes the machine"],
  [/^README\.md$/, /registration\.yaml|policy (activate|archive) registration|hello-held|\$APPROVAL/, "one story: test/docs-story.test.ts runs it in order"],
  [/^README\.md$/, /python3|examples\/python/, "examples/python/README.md has the same, which test/examples runs"],
  [/^README\.md$/, /^eval "\$\(test\/stack/, "starts the real servers, or names them: .ci/run does so"],
  [/^README\.md$/, /(curl "\$\{MUSTER|STACK_BIN\/kcat)/, "looks at what the example registered on the real servers: test/examples/python.test.ts looks there"],
  [/^examples\//, /./, "test/examples runs them"],
  [/^deploy\//, /./, "needs Docker"],
  [/^test\/stack\//, /./, "starts the real servers, or names those that there are"],
  [/^docs\/performance\.md$/, /^npm run bench/, "measures for minutes"],
  [/./, /muster serve$/, "serves until it is stopped: test/e2e/process.test.ts"],
  [/./, /muster (watch|events tail)|--watch$/, "runs until Ctrl-C: test/cli/calls.test.ts"],
  [/./, /muster demo --wait$/, "waits for somebody: test/cli/demo.test.ts"],
  [/^docs\/cli\.md$/, /search\.example/, "its host is an example"],
  [
    /^docs\/(webhooks|cli)\.md$/,
    /^muster webhooks (show|update|delete|test|replay|delivery|redeliver|rotate|delete-secret|deliveries --endpoint) |--callback /,
    "needs an endpoint, a delivery or a policy of its own: test/cli/webhooks.test.ts",
  ],
  [
    /^docs\/inbound\.md$/,
    /moto|registration\.yaml|policy activate|hello-sns|^export PATH|^aws /,
    "one story: test/docs-sns.test.ts runs it in order, with the tools of test/stack",
  ],
  [/^docs\/(inbound|cli)\.md$/, /^muster inbound (show|retry) /, "needs an event: test/cli/inbound.test.ts"],
  [/^docs\/inbound\.md$/, /^(npx|python3|mkdir|echo) /, "one story: test/docs-polling.test.ts runs it in order"],
  [/^docs\/cli\.md$/, /^muster attempts cancel/, "needs an attempt that runs: test/cli/calls.test.ts"],
  [/^docs\/approvals\.md$/, /^export MUSTER_TOKEN=/, "logs in: test/e2e/keycloak.test.ts runs it, and what follows"],
  [/^docs\/(approvals|cli)\.md$/, /^muster policy (lint|put|activate|show|archive|list registration)/, "needs its own file, or policies that are stored"],
  [
    /^docs\/approvals\.md$/,
    /"\$REQUEST"|\$REQUEST\\"|--wait --as amy/,
    "follows one request by its id: test/cli/approvals.test.ts, test/e2e/approvals.test.ts",
  ],
  [
    /^docs\/(approvals|cli|operations)\.md$/,
    /^muster (approvals (show|explain|create|approve|reject|request-changes|abstain|revise|reassign|close|watch) |standin delete|audit )/,
    "needs a request, a stand-in, a policy or an export of its own: test/cli/approvals.test.ts, test/cli/audit.test.ts",
  ],
  [/^docs\/cli\.md$/, /^muster policy simulate/, "needs a policy: test/cli/approvals.test.ts"],
  [/^docs\/cli\.md$/, /^muster names (release|share|unshare)/, "needs names with owners: test/e2e/owners.test.ts"],
  [/^docs\/cli\.md$/, /^grpcurl .*muster resolve/, "needs an instance with reflection"],
];

/** The commands of one section of a document, in order. */
export function commandsBelow(file: string, heading: string): readonly string[] {
  const [, after = ""] = read(file).split(`\n## ${heading}\n`);
  const [section = ""] = after.split("\n## ");
  return commandsIn(section);
}

/** Why the command is not run; undefined when it is. */
export function whyNotRun({ file, text }: DocCommand): string | undefined {
  return reasons.find(([of, pattern]) => of.test(file) && pattern.test(text))?.[2];
}

/** Reasons that no command has any more. */
export function unusedReasons(): readonly string[] {
  return reasons.filter(([of, pattern]) => !docCommands.some(({ file, text }) => of.test(file) && pattern.test(text))).map(([, , why]) => why);
}

/** Puts what a test has in the place of what stands in the docs; nothing that was put there is replaced in its turn, such as in a port. */
export function replacing(text: string, replacements: Readonly<Record<string, string>>): string {
  const written = Object.keys(replacements).map((part) => RegExp.escape(part));
  return text.replaceAll(new RegExp(written.join("|"), "g"), (part) => replacements[part] ?? part);
}
