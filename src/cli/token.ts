import { DomainError } from "../kernel/errors.ts";
import { generateToken, parseTokenFile } from "../rpc/platform/tokens.ts";
import { UsageError, type Run } from "./frame/command.ts";
import { jsonText } from "./frame/json-text.ts";
import { exitCodes } from "./frame/exit-codes.ts";

/** Creates a token for `--principal NAME` with `--role ROLE` and `--group GROUP`, each any number of times: shows it once, with its entry for the token file. */
export const tokenCommand: Run = async (input, terminal) => {
  const { token, sha256 } = generateToken();
  const groups = input.texts("group");
  const tenant = input.text("tenant");
  const entry = {
    principal: input.text("principal") ?? "",
    roles: input.texts("role"),
    ...(groups.length === 0 ? {} : { groups }),
    ...(tenant === undefined ? {} : { tenant }),
    sha256,
  };
  const problems = problemsOf(entry);
  if (problems.length > 0) throw new UsageError(problems);
  terminal.out(
    ["The token for the caller; it is shown only now:", `  ${token}`, 'Its entry for the list "tokens" in the token file:', `  ${jsonText(entry)}`, ""].join(
      "\n",
    ),
  );
  return exitCodes.done.code;
};

const optionOf: Readonly<Record<string, string>> = { roles: "--role", groups: "--group", tenant: "--tenant" };

/** Validates the entry by the rules of the token file; errors name the options. */
function problemsOf(entry: object): readonly string[] {
  try {
    parseTokenFile(JSON.stringify({ tokens: [entry] }));
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.fields.map(({ field, description }) => `${optionOf[field.slice("tokens[0].".length)] ?? "--principal"} ${description}`);
  }
}
