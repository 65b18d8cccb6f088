/** Instances that wait for an approval: a list of them, and a line below the list of those that are there. */
import { Code, ConnectError } from "@connectrpc/connect";
import { ServiceType } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { HeldInstanceSchema, type HeldInstance, type ListHeldRequest } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import type { Input } from "../frame/command.ts";
import type { Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { counted } from "../frame/numbers.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { table, type Cell } from "../frame/table.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { age, left } from "../frame/times.ts";
import { address } from "./instance-view.ts";
import { msOf } from "./progress-view.ts";

const pageSize = 500;

/** Lists are of modules, or of everything else. */
export type HeldKind = "services" | "modules";

/** Shows all of a kind, or those of one name. */
export async function listHeld(kind: HeldKind, name: string | undefined, connection: Connection, input: Input, terminal: Terminal): Promise<number> {
  const held: HeldInstance[] = [];
  let pageToken = "";
  do {
    const page = await pageOf(connection, { name: name ?? "", pageToken });
    held.push(...page.instances.filter((it) => isOf(kind, it)));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  await show(input, terminal, { instances: held.map((it) => jsonOf(HeldInstanceSchema, it)) }, () => {
    if (held.length === 0) return "Nothing waits for an approval.\n";
    const count = `${counted(held.length, false, "instance")} ${held.length === 1 ? "waits" : "wait"} for approval\n`;
    return heldTable(held, terminal.clock.now(), styleFor(terminal.colour.out), columnsOf(terminal)) + count;
  });
  return exitCodes.done.code;
}

/** `2 instances wait for approval: muster modules --held`; empty when none does, and when the server knows of none such. */
export async function heldLine(kind: HeldKind, name: string | undefined, connection: Connection, { program }: Pick<Terminal, "program">): Promise<string> {
  const page = await pageOf(connection, { name: name ?? "" }).catch((error: unknown) => {
    if (error instanceof ConnectError && error.code === Code.Unimplemented) return undefined;
    throw error;
  });
  const count = page?.instances.filter((it) => isOf(kind, it)).length ?? 0;
  const isMore = page !== undefined && page.nextPageToken !== "";
  if (count === 0) return "";
  const which = name === undefined ? kind : `${kind} ${printable(name)}`;
  return `${counted(count, isMore, "instance")} ${count === 1 && !isMore ? "waits" : "wait"} for approval: ${program} ${which} --held\n`;
}

function pageOf({ registration, once }: Connection, filter: Partial<Pick<ListHeldRequest, "name" | "pageToken">>) {
  return registration.listHeld({ ...filter, pageSize }, once());
}

function isOf(kind: HeldKind, { type }: HeldInstance): boolean {
  return (type === ServiceType.MODULE) === (kind === "modules");
}

export function heldTable(held: readonly HeldInstance[], nowMs: number, style: Style, columns?: number): string {
  const rows = held.map(({ name, host, port, version, approvalId, askedAt, actor, approved, waitsFor }): readonly Cell[] => {
    const { stage = "", who_can_decide: who = "", expires_at: expires = "" } = waitsFor;
    const expiresMs = Date.parse(expires);
    return [
      name,
      address(host, port),
      version || "-",
      approvalId,
      age(askedAt && msOf(askedAt), nowMs),
      Number.isNaN(expiresMs) || approved ? "-" : left(expiresMs, nowMs),
      actor,
      approved ? { text: "approved, goes live", paint: style.good } : `${stage}: ${who}`,
    ];
  });
  return table({
    heads: ["NAME", "ADDRESS", "VERSION", "APPROVAL", "ASKED", "LEFT", "BY", "WAITS FOR"],
    rows,
    bold: style.bold,
    narrow: { drop: ["BY", "ASKED", "LEFT", "ADDRESS", "VERSION"], shorten: "NAME" },
    ...(columns === undefined ? {} : { columns }),
  });
}
