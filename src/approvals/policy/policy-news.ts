/** What is published of policies, and how it is put on the wire. */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { PolicyActivatedSchema, PolicyArchivedSchema } from "../../../gen/muster/approval/v1/policy_events_pb.ts";
import { approvalTopic } from "../request-news.ts";

interface PolicyState {
  readonly tenant: string;
  readonly key: string;
  readonly version: number;
  readonly digest: string;
  /** The principal's key. */
  readonly actor: string;
}

export type PolicyNews =
  /** `replaced` is the version that was active before, 0 when none was. */
  | ({ readonly type: "PolicyActivated"; readonly replaced: number } & PolicyState)
  /** `wasActive`: the key has no active version now. */
  | ({ readonly type: "PolicyArchived"; readonly wasActive: boolean } & PolicyState);

type NewsOf<T extends PolicyNews["type"]> = Extract<PolicyNews, { readonly type: T }>;
type Columns<T extends PolicyNews["type"], D extends DescMessage> = readonly [
  schema: D,
  summary: string,
  message: (event: NewsOf<T>, timestamp: Timestamp) => MessageInitShape<D>,
];

function row<T extends PolicyNews["type"], D extends DescMessage>(type: T, ...[schema, summary, message]: Columns<T, D>) {
  return { type, topic: approvalTopic, schema, summary, message: (event: NewsOf<T>, at: number) => message(event, timestampFromMs(at)) };
}

export const policyEvents = [
  row(
    "PolicyActivated",
    PolicyActivatedSchema,
    "A version of a policy is the active one: new requests are decided by it.",
    ({ tenant, key, version, digest, actor, replaced }, timestamp) => ({ tenant, key, version, digest, actor, replacedVersion: replaced, timestamp }),
  ),
  row(
    "PolicyArchived",
    PolicyArchivedSchema,
    "A version of a policy is no longer used for new requests.",
    ({ tenant, key, version, digest, actor, wasActive }, timestamp) => ({
      tenant,
      key,
      version,
      digest,
      actor,
      wasActive,
      timestamp,
    }),
  ),
] as const;
