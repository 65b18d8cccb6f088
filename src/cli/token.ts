import { parseArgs } from "node:util";
import { DomainError } from "../errors.ts";
import { generateToken, parseTokenFile } from "../rpc/tokens.ts";
import { usageError, type Answer } from "./answer.ts";

/** Makes a token for `--principal NAME` with one or more `--role ROLE`: shows it once, with its entry for the token file. */
export function tokenCommand(args: readonly string[]): Answer {
  const options = optionsOf(args);
  if ("code" in options) return options;
  const { token, sha256 } = generateToken();
  const entry = { principal: options.principal, roles: options.roles, sha256 };
  const problems = problemsOf(entry);
  if (problems.length > 0) return usageError(problems.join("; "));
  return {
    out: [
      "The token, which is shown only now and goes to the caller:",
      `  ${token}`,
      'Its entry for the list "tokens" in the token file:',
      `  ${JSON.stringify(entry)}`,
      "",
    ].join("\n"),
    code: 0,
  };
}

function optionsOf(args: readonly string[]): { readonly principal: string; readonly roles: readonly string[] } | Answer {
  try {
    const { values } = parseArgs({ args: [...args], options: { principal: { type: "string" }, role: { type: "string", multiple: true } } });
    return { principal: values.principal ?? "", roles: values.role ?? [] };
  } catch (error) {
    return usageError(error instanceof Error ? error.message : "the options cannot be read");
  }
}

/** The entry judged by the rules of the token file, in the words of the options. */
function problemsOf(entry: object): readonly string[] {
  try {
    parseTokenFile(JSON.stringify({ tokens: [entry] }));
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.fields.map(({ field, description }) => `${field === "tokens[0].roles" ? "--role" : "--principal"} ${description}`);
  }
}
