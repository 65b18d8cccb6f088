import {
  OwnedNameSchema,
  ReleaseNameResponseSchema,
  ShareArtifactResponseSchema,
  TransferNameResponseSchema,
  UnshareArtifactResponseSchema,
  type OwnedName,
} from "../../../gen/muster/registration/v1/name_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { table } from "../frame/table.ts";

const pageSize = 500;

export const listNames: Run = async (input, terminal) => {
  const { names, once } = connect(input, terminal);
  const filter = { name: input.args[0] ?? "", owner: input.text("owner") ?? "" };
  const found: OwnedName[] = [];
  let pageToken = "";
  do {
    const page = await names.listNames({ ...filter, pageToken, pageSize }, once());
    found.push(...page.names);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const style = styleFor(terminal.colour.out);
  const text = (): string => (found.length === 0 ? "No matching names.\n" : nameTable(found, style));
  await show(input, terminal, { names: found.map((name) => jsonOf(OwnedNameSchema, name)) }, text);
  return exitCodes.done.code;
};

function nameTable(names: readonly OwnedName[], style: Style): string {
  return table({
    heads: ["NAME", "OWNER", "STATE", "ARTIFACTS"],
    rows: names.map(({ name, owner, isReserved, artifactIds, hasMoreArtifacts }) => [
      name,
      owner,
      isReserved ? { text: "reserved", paint: style.warn } : "owned",
      [...artifactIds, ...(hasMoreArtifacts ? ["…"] : [])].join(" "),
    ]),
    bold: style.bold,
  });
}

export const transferName: Run = async (input, terminal) => {
  const [name = "", owner = ""] = input.args;
  const { names, once } = connect(input, terminal);
  const answer = await names.transferName({ name, owner }, once());
  await show(input, terminal, jsonOf(TransferNameResponseSchema, answer), () =>
    done(terminal.colour.out, `${name} belongs to ${owner} now; before, to ${answer.formerOwner}`),
  );
  return exitCodes.done.code;
};

export const releaseName: Run = async (input, terminal) => {
  const [name = ""] = input.args;
  const { names, once } = connect(input, terminal);
  const answer = await names.releaseName({ name }, once());
  await show(input, terminal, jsonOf(ReleaseNameResponseSchema, answer), () =>
    done(terminal.colour.out, `${name} is nobody's now; before, it belonged to ${answer.formerOwner}`),
  );
  return exitCodes.done.code;
};

export const shareArtifact: Run = async (input, terminal) => {
  const [artifactId = "", name = ""] = input.args;
  const { names, once } = connect(input, terminal);
  const answer = await names.shareArtifact({ artifactId, name }, once());
  await show(input, terminal, jsonOf(ShareArtifactResponseSchema, answer), () =>
    done(terminal.colour.out, answer.changed ? `${name} may publish in ${artifactId}` : `${name} may publish in ${artifactId} already`),
  );
  return exitCodes.done.code;
};

export const unshareArtifact: Run = async (input, terminal) => {
  const [artifactId = "", name = ""] = input.args;
  const { names, once } = connect(input, terminal);
  const answer = await names.unshareArtifact({ artifactId, name }, once());
  await show(input, terminal, jsonOf(UnshareArtifactResponseSchema, answer), () =>
    done(terminal.colour.out, answer.changed ? `${artifactId} is not shared with ${name} any more` : `${artifactId} was not shared with ${name}`),
  );
  return exitCodes.done.code;
};

function done(isColoured: boolean, text: string): string {
  return `${styleFor(isColoured).good("✓")} ${printable(text)}\n`;
}
