/**
 * Schema registry on Apicurio Registry v3.
 *
 * Guarantees: `put` resolves only when exactly this content is served under exactly this version name, also when several callers
 * race: the server lets one POST of a version name win and answers 409 to the others, which then read what won. Not guaranteed: a
 * `put` and a `disable` of the same version at the same time end in one of the two states; callers take turns through their record.
 * `ifExists=FIND_OR_CREATE_VERSION` is avoided on purpose: when the content is known it answers with the version that has it, under any name.
 *
 * Seen on 3.0.9: a DISABLED version keeps its metadata but its content is 404 (it stays readable by content id); DELETE is off, so
 * the way back is DISABLED; a broken rule is 409 there and 400 in later servers, so only the problem's `name` is used; `order`
 * of a version list is reversed, so it is sorted here.
 */
import type { SchemaDocument, SchemaRegistry } from "../../registration/ports.ts";
import { DomainError, refused, unavailable } from "../../kernel/errors.ts";
import { isStorable } from "../schema-name.ts";
import { isMissing, isOk, isTaken, parse, refusal } from "./answer.ts";
import { createApicurioHttp } from "./http.ts";

const label = "muster-registration";
const pageSize = 500;

export interface ApicurioConfig {
  /** Base of the core API, e.g. `http://127.0.0.1:8080/apis/registry/v3`. */
  readonly url: string;
  readonly group?: string;
  /** Bearer token; none when undefined. */
  readonly token?: string;
}

/** The used fields of Apicurio's `VersionMetaData` and `SearchedVersion`. */
interface VersionMeta {
  readonly version: string;
  readonly state: string;
  readonly globalId: number;
  readonly contentId: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** `VersionSearchResults`; a server may return fewer than requested. */
interface VersionPage {
  readonly count: number;
  readonly versions: readonly VersionMeta[];
}

/** A registry of schemas in one Apicurio group, which the server creates on the first `put`. Connects on first use. */
export function createApicurioSchemas(config: ApicurioConfig): SchemaRegistry {
  const http = createApicurioHttp(config.url, config.token);
  const artifacts = `/groups/${encodeURIComponent(config.group ?? "ai.pipestream.schemas")}/artifacts`;
  const versionsOf = (artifactId: string) => `${artifacts}/${encodeURIComponent(artifactId)}/versions`;
  const pathOf = (artifactId: string, version: string) => `${versionsOf(artifactId)}/${encodeURIComponent(version)}`;

  /** False when the version exists already, or its artifact does not. */
  async function create(path: string, body: unknown, version: string, signal: AbortSignal): Promise<boolean> {
    const answer = await http.call("POST", path, signal, body);
    if (isOk(answer)) {
      const made = parse<VersionMeta | { readonly version: VersionMeta }>(answer.body).version;
      if ((typeof made === "object" ? made.version : made) === version) return true;
      throw unavailable("schema registry", "an answer about another version");
    }
    if (isMissing(answer) || isTaken(answer)) return false;
    throw refusal(answer);
  }

  /** False when the version no longer exists. */
  async function change(path: string, body: unknown, signal: AbortSignal): Promise<boolean> {
    const answer = await http.call("PUT", path, signal, body);
    if (isOk(answer)) return true;
    if (isMissing(answer)) return false;
    throw refusal(answer);
  }

  async function read(path: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const answer = await http.call("GET", path, signal);
    if (isOk(answer)) return answer.body;
    if (isMissing(answer)) return undefined;
    throw refusal(answer);
  }

  async function find(artifactId: string, version: string, signal: AbortSignal): Promise<VersionMeta | undefined> {
    const body = await read(pathOf(artifactId, version), signal);
    return body === undefined ? undefined : parse<VersionMeta>(body);
  }

  /** Turns an existing version into the requested one; undefined when it vanished meanwhile. */
  async function adopt(found: VersionMeta, document: SchemaDocument, attemptId: string, signal: AbortSignal) {
    const content = await read(`/ids/contentIds/${found.contentId}`, signal);
    if (content === undefined) return undefined;
    if (!content.equals(Buffer.from(document.content))) throw conflict(document);
    if (isServed(found)) return { created: false };
    const path = pathOf(document.artifactId, document.version);
    // The label first: once it is visible because of us, `disable` must be able to take it back.
    const labelled = await change(path, { labels: { ...found.labels, [label]: attemptId } }, signal);
    const enabled = labelled && (await change(`${path}/state`, { state: "ENABLED" }, signal));
    return enabled ? { created: true } : undefined;
  }

  return {
    async put(document, attemptId, signal) {
      const { artifactId, version, kind } = document;
      if (!isStorable(artifactId, version)) throw refused("schema registry", "a name it cannot store");
      const content = { content: document.content, contentType: contentType(document), references: [] };
      const first = { version, content, labels: { [label]: attemptId } };
      for (let round = 1; round <= 3; round += 1) {
        const body = { artifactId, artifactType: kind, firstVersion: first };
        if (await create(`${artifacts}?ifExists=FAIL`, body, version, signal)) return { created: true };
        const found = await find(artifactId, version, signal);
        if (found !== undefined) {
          const result = await adopt(found, document, attemptId, signal);
          if (result !== undefined) return result;
        } else if (await create(versionsOf(artifactId), first, version, signal)) {
          return { created: true };
        }
      }
      throw unavailable("schema registry", "another client keeps changing this version");
    },

    async get(artifactId, version, signal) {
      if (!isStorable(artifactId, version)) return undefined;
      // Drafts have readable content too, hence the look at the state.
      const [found, content] = await Promise.all([find(artifactId, version, signal), read(`${pathOf(artifactId, version)}/content`, signal)]);
      return found !== undefined && isServed(found) ? content?.toString() : undefined;
    },

    async versions(artifactId, signal) {
      const found = new Map<number, VersionMeta>();
      for (let offset = 0, count = 1; offset < count;) {
        const body = await read(`${versionsOf(artifactId)}?orderby=globalId&limit=${pageSize}&offset=${offset}`, signal);
        const page = body === undefined ? { count: 0, versions: [] } : parse<VersionPage>(body);
        for (const version of page.versions) found.set(version.globalId, version);
        // An empty page ends it too, even when the count is higher.
        count = page.versions.length === 0 ? 0 : page.count;
        offset += page.versions.length;
      }
      const oldestFirst = [...found.values()].sort((a, b) => a.globalId - b.globalId);
      return oldestFirst.filter(isServed).map(({ version }) => version);
    },

    async disable(artifactId, version, signal) {
      if (!isStorable(artifactId, version)) return false;
      const found = await find(artifactId, version, signal);
      if (found?.labels?.[label] === undefined) return false;
      if (found.state === "DISABLED") return true;
      return change(`${pathOf(artifactId, version)}/state`, { state: "DISABLED" }, signal);
    },

    async ping(signal) {
      const answer = await http.call("GET", "/system/info", signal);
      if (!isOk(answer)) throw refusal(answer);
      parse(answer.body);
    },

    async [Symbol.asyncDispose]() {
      http[Symbol.dispose]();
    },
  };
}

/** DEPRECATED content is served, with a warning to its readers; Muster itself never deprecates. */
function isServed({ state }: VersionMeta): boolean {
  return state === "ENABLED" || state === "DEPRECATED";
}

function contentType({ kind, content }: SchemaDocument): string {
  if (kind === "JSON") return "application/json";
  try {
    JSON.parse(content);
    return "application/json";
  } catch {
    return "application/x-yaml";
  }
}

function conflict({ artifactId, version }: SchemaDocument): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "SCHEMA_VERSION_CONFLICT",
    message: `version ${version} of ${artifactId} already has another content`,
    metadata: { artifactId, version },
  });
}
