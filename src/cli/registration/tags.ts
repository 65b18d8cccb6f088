/**
 * The tags of an instance. The server replaces the whole set, so adding and removing reads it first: of two concurrent
 * changes the later one wins.
 */
import { UpdateTagsResponseSchema } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { printable } from "../../kernel/log.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";

export const tagsCommand: Run = async (input, terminal) => {
  const [serviceId = ""] = input.args;
  const change = changeOf(input);
  const connection = connect(input, terminal);
  const style = styleFor(terminal.colour.out);
  if (change === undefined) {
    const tags = await currentTags(connection, serviceId);
    await show(input, terminal, { serviceId, tags: [...tags] }, () => tags.map((tag) => `${printable(tag)}\n`).join(""));
    return exitCodes.done.code;
  }
  const tags = typeof change === "function" ? change(await currentTags(connection, serviceId)) : change;
  const answer = await connection.platform.updateTags({ serviceId, tags: [...tags] }, connection.once());
  await show(input, terminal, jsonOf(UpdateTagsResponseSchema, answer), () => {
    const applied = answer.appliedTags.map((tag) => `  ${printable(tag)}\n`).join("");
    return `${style.good("✓")} ${printable(serviceId)}: ${printable(answer.message)}\n${applied}`;
  });
  return exitCodes.done.code;
};

type Change = readonly string[] | ((current: readonly string[]) => readonly string[]);

/** The new tags; undefined when they are only to be shown. */
function changeOf(input: Input): Change | undefined {
  const [set, add, remove] = [input.texts("set"), input.texts("add"), input.texts("remove")];
  const ways = [set.length > 0, add.length + remove.length > 0, input.on("clear")].filter(Boolean);
  if (ways.length > 1) throw new UsageError(["--set, --clear, and --add with --remove exclude each other"]);
  if (input.on("clear")) return [];
  if (set.length > 0) return set;
  if (ways.length === 0) return undefined;
  return (current) => [...new Set([...current, ...add])].filter((tag) => !remove.includes(tag));
}

async function currentTags({ platform, once }: Connection, serviceId: string): Promise<readonly string[]> {
  const { tags } = await platform.getService({ lookupKey: { case: "serviceId", value: serviceId } }, once());
  return tags;
}
