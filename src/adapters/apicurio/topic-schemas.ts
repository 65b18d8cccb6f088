/**
 * The ids under which Apicurio Registry keeps the schemas of topics, for framed records.
 *
 * Guarantees: an id is only returned after the registry has the schema, under group `default` and the topic's name, where
 * Apicurio's serializers put it; schemas of others there stay unchanged. Repetition, also by several replicas, creates no
 * second version. An id is cached for `keepMs`; after that it is requested again, so that a registry that lost its data gets the
 * schema again soon; if the registry is unavailable then, the cached id stays in use.
 */
import { toDomainError, unavailable } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/ports.ts";
import { isOk, isTaken, parse, refusal } from "./answer.ts";
import { createApicurioHttp } from "./http.ts";
import type { ApicurioConfig } from "./schemas.ts";

const keepMs = 60_000;

/** The id of a topic's schema; rejects with `unavailable` when the registry is unavailable, `wrong_state` when it refuses the schema. */
export interface TopicSchemas extends Disposable {
  idOf(topic: string, signal: AbortSignal): Promise<number>;
}

export interface TopicSchemasConfig extends Pick<ApicurioConfig, "url" | "token"> {
  /** The text of the .proto file that declares the messages of the topic. */
  readonly schemaOf: (topic: string) => string;
  readonly clock: Pick<Clock, "now">;
}

export function createTopicSchemas({ url, token, schemaOf, clock }: TopicSchemasConfig): TopicSchemas {
  const http = createApicurioHttp(url, token);
  const known = new Map<string, { readonly id: number; readonly askedAt: number }>();

  async function register(topic: string, signal: AbortSignal): Promise<number> {
    const content = { content: schemaOf(topic), contentType: "application/x-protobuf", references: [] };
    const body = { artifactId: topic, artifactType: "PROTOBUF", firstVersion: { content } };
    for (let round = 1; round <= 3; round += 1) {
      const answer = await http.call("POST", "/groups/default/artifacts?ifExists=FIND_OR_CREATE_VERSION", signal, body);
      if (isOk(answer)) return idIn(answer.body);
      // Another client registered the same concurrently: now it can be found.
      if (!isTaken(answer)) throw refusal(answer);
    }
    throw unavailable("schema registry", "another client keeps registering this schema");
  }

  return {
    async idOf(topic, signal) {
      const found = known.get(topic);
      const now = clock.now();
      if (found && now < found.askedAt + keepMs) return found.id;
      try {
        const id = await register(topic, signal);
        known.set(topic, { id, askedAt: now });
        return id;
      } catch (error) {
        signal.throwIfAborted();
        if (found && toDomainError(error).kind === "unavailable") return found.id;
        throw error;
      }
    },
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

function idIn(body: Buffer): number {
  const { version } = parse<{ readonly version?: { readonly contentId?: unknown } }>(body);
  const id = version?.contentId;
  // The frame has four bytes for it.
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > 0x7fff_ffff) throw unavailable("schema registry", "an answer without a content id");
  return id;
}
