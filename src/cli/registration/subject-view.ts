/** What a request about a registration says of it: what goes live, and what its schema changes. */
import { create } from "@bufbuild/protobuf";
import { SchemaCompatibility, SchemaComparisonSchema } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { nameOf } from "../../kernel/caller.ts";
import type { Connection } from "../frame/connect.ts";
import type { Style } from "../frame/style.ts";
import type { SubjectQuestion, SubjectView } from "../frame/subject-view.ts";
import { comparisonText } from "./schema-view.ts";

/** What the platform writes into the context of such a request. */
export interface RegistrationContext {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly environment: string;
  readonly owner: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly capabilities: readonly string[];
  readonly grpc_services: readonly string[];
  readonly schema: string;
  readonly instances: readonly string[];
  readonly first: boolean;
  readonly downgrade: boolean;
  readonly verdict: string;
  readonly compared_with: string;
  readonly changes: readonly { readonly kind: string; readonly pointer: string; readonly message: string }[];
}

/** As many changes as the context has at most. */
const mostChanges = 20;

const pageSize = 500;

export async function registrationView(question: SubjectQuestion, connection: Connection): Promise<SubjectView | undefined> {
  const context = contextOf(question.contextJson);
  if (!context) return undefined;
  const instances = question.isOpen ? await waitingInstances(question.approvalId, connection) : context.instances;
  return { facts: registrationFacts(context, instances), below: schemaChanges(context, question.style, question.columns) };
}

/** Service ids of the instances that wait for this request now: more of them may have come than it was opened for. */
async function waitingInstances(approvalId: string, { registration, once }: Connection): Promise<readonly string[]> {
  const ids: string[] = [];
  let pageToken = "";
  do {
    const page = await registration.listHeld({ approvalId, pageToken, pageSize }, once());
    ids.push(...page.instances.map(({ serviceId }) => serviceId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return ids;
}

/** Undefined of a context in another form. */
export function contextOf(contextJson: string): RegistrationContext | undefined {
  const context = JSON.parse(contextJson) as Partial<RegistrationContext>;
  const lists = [context.tags, context.capabilities, context.grpc_services, context.instances, context.changes];
  return lists.every(Array.isArray) && typeof context.metadata === "object" ? (context as RegistrationContext) : undefined;
}

export function registrationFacts(it: RegistrationContext, instances: readonly string[]): readonly (readonly [string, string])[] {
  const [artifact = "", version = "", sha256 = ""] = it.schema.split(":");
  const notes = [it.first ? "the first version of this name" : "", it.downgrade ? "lower than what is live" : ""].filter((note) => note !== "");
  return [
    ["Goes live", `${it.type.toLowerCase()} ${it.name} ${it.version === "" ? "without a version" : it.version}${notes.map((note) => `, ${note}`).join("")}`],
    ["Instances", instances.join(" ")],
    ["Environment", it.environment],
    ["Owner", nameOf(it.owner)],
    ["Schema", [artifact, version, sha256.slice(0, 12)].filter((part) => part !== "").join(" ")],
    [
      "Metadata",
      Object.entries(it.metadata)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ],
    ["Tags", it.tags.join(" ")],
    ["Capabilities", it.capabilities.join(" ")],
    ["Services", it.grpc_services.join(" ")],
  ];
}

/** Its schema beside the one that is live; empty when there is nothing to be compared. */
export function schemaChanges(it: RegistrationContext, style: Style, columns?: number): string {
  if (it.verdict === "NONE" || (it.compared_with === "" && it.changes.length === 0)) return "";
  const changes = it.changes.map(({ kind, pointer, message }) => ({ pointer, message, compatibility: compatibilityOf(kind) }));
  const comparison = create(SchemaComparisonSchema, { compatibility: compatibilityOf(it.verdict), changes });
  const more = changes.length < mostChanges ? "" : style.dim(`These are the first ${mostChanges}; there may be more.\n`);
  return comparisonText(comparison, it.compared_with, it.version, style, columns) + more;
}

function compatibilityOf(name: string): SchemaCompatibility {
  return name in SchemaCompatibility ? SchemaCompatibility[name as keyof typeof SchemaCompatibility] : SchemaCompatibility.UNSPECIFIED;
}
