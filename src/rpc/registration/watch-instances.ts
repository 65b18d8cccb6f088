/** The instances of one kind and what changes of them, for who keeps a state of its own. */
import { invalidFields } from "../../kernel/errors.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  InstanceKind,
  InstanceSchema,
  WatchInstancesResponseSchema,
  type Instance,
  type WatchInstancesRequest,
  type WatchInstancesResponse,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import type { Discovered, DiscoveredKind } from "../../registration/discovery/discovered.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { instanceOf, itemPrefixBytes } from "./instances.ts";
import { answerBytes } from "../transport/limits.ts";
import { withQuiet } from "../platform/quiet.ts";

const quietMs = 20_000;

export async function* watchInstances(
  { discovery, clock }: Pick<RegistrationHandlerDeps, "discovery" | "clock">,
  { kind }: WatchInstancesRequest,
  { signal }: HandlerContext,
): AsyncGenerator<WatchInstancesResponse> {
  const message = (changed: Instance[], gone: string[], isComplete: boolean) =>
    create(WatchInstancesResponseSchema, { changed, gone, isComplete, asOf: timestampFromMs(discovery.asOf()) });
  let former: ReadonlySet<Discovered> = new Set();
  let isBegun = false;
  for await (const list of withQuiet(discovery.watch(kindOf(kind), signal), clock, quietMs)) {
    if (list === undefined) {
      if (isBegun) yield message([], [], true);
      continue;
    }
    isBegun = true;
    // What is unchanged is the same object in both lists.
    const next = new Set(list.items);
    const ids = new Set(list.items.map(({ serviceId }) => serviceId));
    const gone = [...former].flatMap(({ serviceId }) => (ids.has(serviceId) ? [] : [serviceId]));
    let changed: Instance[] = [];
    let bytes = gone.reduce((sum, id) => sum + Buffer.byteLength(id) + itemPrefixBytes, 0);
    for (const it of list.items) {
      if (former.has(it)) continue;
      const instance = instanceOf(it, discovery.lastChecked(it));
      const size = toBinary(InstanceSchema, instance).length + itemPrefixBytes;
      if (changed.length > 0 && bytes + size > answerBytes) {
        yield message(changed, gone.splice(0), false);
        [changed, bytes] = [[], 0];
      }
      changed.push(instance);
      bytes += size;
    }
    yield message(changed, gone, true);
    former = next;
  }
}

function kindOf(kind: InstanceKind): DiscoveredKind {
  if (kind === InstanceKind.SERVICE) return "service";
  if (kind === InstanceKind.MODULE) return "module";
  throw invalidFields([{ field: "kind", description: "must be INSTANCE_KIND_SERVICE or INSTANCE_KIND_MODULE" }]);
}
