/** The gate as its users see it: a policy for registrations, instances that wait, people who decide. */
import {
  EventType,
  RegistrationOutcome,
  type RegisterRequestSchema,
  type RegistrationEvent,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { PolicyService, PolicyStatus } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { AttemptState, RegistrationService, type Attempt } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { decide, get, person } from "./approvals.ts";
import type { MusterClient, Registration } from "./client.ts";
import { eventually } from "./instances.ts";

const { putPolicy, activatePolicy, archivePolicy, listPolicies } = PolicyService.method;

/** The owners decide, but for names that begin with `auto` or `never`. */
export const ownersDecide = `
key: registration
subject: registration
ttl: 7d
route:
  - {id: auto, when: 'name.startsWith("auto")', then: approve}
  - {id: never, when: 'name.startsWith("never")', then: reject, reason: "not on this platform"}
stages:
  - id: owners
    requirements: [{id: team, who: {groups: [owners]}, need: 1}]
`;

/** What a held registration's events say of its approval. */
export function heldBy({ events }: Pick<Registration, "events">): Readonly<Record<string, string>> {
  const asked = events.find(({ eventType }) => eventType === EventType.APPROVAL_REQUESTED);
  if (asked?.eventData.case !== "metadata")
    throw new Error(
      `it does not wait for an approval: ${events.map(({ message, eventData }) => (eventData.case === "errorDetail" ? eventData.value : message)).join(", ")}`,
    );
  return asked.eventData.value.values;
}

export function isHeld({ events }: Pick<Registration, "events">): boolean {
  return events.at(-1)?.outcome === RegistrationOutcome.PENDING_APPROVAL;
}

export interface GateScene extends Disposable {
  readonly admin: MusterClient;
  readonly bob: MusterClient;
  /** Activates the policy; what was live before and is admitted. */
  turnOn(document?: string): Promise<number>;
  turnOff(release?: boolean): Promise<number>;
  /** Bob of the owners decides on what a registration waits for. */
  approve(held: Pick<Registration, "events">): Promise<void>;
  approveId(approvalId: string): Promise<void>;
  reject(held: Pick<Registration, "events">, comment: string): Promise<void>;
  /** Registers, approves, and resolves when it is live, to all that whoever waits is shown. */
  live(client: MusterClient, request: MessageInitShape<typeof RegisterRequestSchema>): Promise<Registration>;
}

export function gateScene(address: string): GateScene {
  const admin = person(address, "root");
  const bob = person(address, "bob", { groups: "owners" });
  const vote = async (id: string, item: Parameters<typeof decide>[2]): Promise<void> => {
    const result = await decide(bob, await get(bob, id), item);
    if (!result.counted) throw new Error(`the vote does not count: ${result.message}`);
  };
  const scene: GateScene = {
    admin,
    bob,
    async turnOn(document = ownersDecide) {
      const { policy } = await admin.unary(putPolicy, { document });
      return (await admin.unary(activatePolicy, { key: "registration", version: policy?.version ?? 0 })).admittedExisting;
    },
    async turnOff(release = false) {
      const { policies } = await admin.unary(listPolicies, {});
      const isOn = policies.some(({ key, status }) => key === "registration" && status === PolicyStatus.ACTIVE);
      return isOn ? (await admin.unary(archivePolicy, { key: "registration", release })).endedRequests : 0;
    },
    approve: (held) => vote(heldBy(held)["approval_id"] ?? "", {}),
    approveId: (id) => vote(id, {}),
    reject: (held, comment) => vote(heldBy(held)["approval_id"] ?? "", { verdict: 2, comment }),
    async live(client, request) {
      const { asked, ended } = registerAndWait(client, request);
      await scene.approve(await asked);
      const registration = await ended;
      if (registration.events.at(-1)?.outcome === RegistrationOutcome.ACTIVE) return registration;
      throw new Error(`it did not go live: ${registration.errorDetail}`);
    },
    [Symbol.dispose]() {
      admin[Symbol.dispose]();
      bob[Symbol.dispose]();
    },
  };
  return scene;
}

/** The attempts of a name, when `count` of them have ended: an instance is seen in the catalog a moment before its attempt ends. */
export function attemptsEnded(client: MusterClient, name: string, count: number): Promise<readonly Attempt[]> {
  return eventually(async () => {
    const { attempts } = await client.unary(RegistrationService.method.listAttempts, { name });
    const isOver = attempts.every(({ state }) => state === AttemptState.COMPLETED || state === AttemptState.ROLLED_BACK);
    return attempts.length === count && isOver ? attempts : undefined;
  });
}

/** Registers and waits for the approval; `asked` resolves when it is known what it waits for. */
export function registerAndWait(
  client: MusterClient,
  request: MessageInitShape<typeof RegisterRequestSchema>,
): { readonly asked: Promise<Pick<Registration, "events">>; readonly ended: Promise<Registration> } {
  const asked = Promise.withResolvers<Pick<Registration, "events">>();
  const events: RegistrationEvent[] = [];
  const ended = client.register({ ...request, waitForApproval: true } as typeof request, (event) => {
    events.push(event);
    if (event.eventType === EventType.APPROVAL_REQUESTED) asked.resolve({ events });
  });
  void ended.then(({ events: all }) => asked.resolve({ events: all }));
  return { asked: asked.promise, ended };
}
