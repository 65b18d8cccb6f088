import type { Approval } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import type { Input } from "../frame/command.ts";
import type { Connection } from "../frame/connect.ts";
import { formatOf } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { subjectView } from "../subjects.ts";
import { approvalDetails, isOpen } from "./approval-view.ts";

/** The text of one request, with what is known of its subject; empty when no text is wanted. */
export async function detailsOf(approval: Approval | undefined, connection: Connection, input: Input, terminal: Terminal): Promise<string> {
  if (!approval || formatOf(input) !== "table") return "";
  const { id: approvalId, subject, contextJson } = approval;
  const style = styleFor(terminal.colour.out);
  const columns = columnsOf(terminal);
  const view = await subjectView({ type: subject?.type ?? "", contextJson, approvalId, isOpen: isOpen(approval), style, columns }, connection);
  return approvalDetails(approval, terminal.clock.now(), style, { columns, view });
}
