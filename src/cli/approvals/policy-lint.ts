/** Checks policies by the same code as the server, without one. */
import { parsePolicy } from "../../approvals/policy/parse.ts";
import type { Run } from "../frame/command.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import { findingLine } from "./policy-view.ts";

export const policyLint: Run = async (input, terminal) => {
  const texts = input.args.map((file) => ({ file, text: fileText("FILE", file, terminal) }));
  const isEnumerable = !input.on("claims-only");
  const findings = texts.flatMap(({ file, text }) => parsePolicy(text, { isEnumerable }).problems.map((problem) => ({ file, ...problem })));
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const style = styleFor(terminal.colour.out);
  await show(input, terminal, { errors, findings: findings.map((finding) => ({ ...finding })) }, () =>
    findings.map((finding) => findingLine(finding, style)).join(""),
  );
  const isBad = input.on("strict") ? findings.length > 0 : errors > 0;
  return isBad ? exitCodes.failed.code : exitCodes.done.code;
};
