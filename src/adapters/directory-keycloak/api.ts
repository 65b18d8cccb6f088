/** Keycloak's admin API, with the rights of a service account: lists, all pages of them, and single values. */
import type { ResolveHost } from "../../registration/register.ts";
import { bodyOf, openGuarded, unusable } from "../http/guarded.ts";

export interface KeycloakApi extends Disposable {
  /**
   * All objects of a list, each once, however many pages it has. Pages overlap by one object: where they do not meet, the list has
   * changed meanwhile, which may have moved others from a page to one that was read before, and it is read again. `path` is below the realm,
   * encoded.
   */
  list(path: string): Promise<readonly Row[]>;
}

export type Row = Readonly<Record<string, unknown>>;

export interface ApiOptions {
  /** `https://host/realms/NAME`, possibly with a path before `/realms`. */
  readonly issuer: string;
  /** The client whose service account reads. */
  readonly client: string;
  readonly secret: string;
  readonly resolveHost: ResolveHost;
}

const pageSize = 100;
/** Of a list that changes while it is read. */
const maxTries = 3;
/** Against a realm that is larger than a directory can be. */
const maxRequests = 5_000;
const limits = { connections: 4, limitMs: 10_000, maxAnswerBytes: 4 * 1_048_576 } as const;

/** Logs in; rejects with a DomainError that says why it cannot. */
export async function openKeycloak({ issuer, client: clientId, secret, resolveHost }: ApiOptions, signal: AbortSignal): Promise<KeycloakApi> {
  const place = new URL(issuer);
  const client = await openGuarded(place, resolveHost, signal, limits);
  try {
    const body = new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, client_secret: secret }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = rowOf(parsed(await bodyOf(client, { method: "POST", path: `${place.pathname}/protocol/openid-connect/token`, headers, body }, signal)));
    const token = answer["access_token"];
    if (typeof token !== "string") throw unusable("the service account cannot log in");
    const root = place.pathname.replace(/\/realms\/([^/]+)$/, "/admin/realms/$1");
    let requests = 0;
    const get = async (path: string): Promise<unknown> => {
      if ((requests += 1) > maxRequests) throw unusable(`the realm needs more than ${maxRequests} requests`);
      return parsed(await bodyOf(client, { method: "GET", path: root + path, headers: { authorization: `Bearer ${token}` }, repeatable: true }, signal));
    };
    /** Undefined when it has changed meanwhile. */
    const pages = async (path: string): Promise<readonly Row[] | undefined> => {
      const rows = new Map<string, Row>();
      for (let first = 0, last: string | undefined; ; first += pageSize - 1) {
        const answer = await get(`${path}${path.includes("?") ? "&" : "?"}first=${first}&max=${pageSize}`);
        if (!Array.isArray(answer)) throw unusable(`${path.split("?")[0]} is no list`);
        const page = answer.map(rowOf).map((row) => [textOf(row, "id"), row] as const);
        // A list without pages is whole each time.
        const isWhole = first > 0 && page.length === pageSize && page.every(([id]) => rows.has(id));
        if (isWhole) return [...rows.values()];
        if (first > 0 && page[0]?.[0] !== last) return undefined;
        for (const [id, row] of page) rows.set(id, row);
        if (page.length !== pageSize) return [...rows.values()];
        last = page.at(-1)?.[0];
      }
    };
    return {
      async list(path) {
        for (let tries = 0; tries < maxTries; tries++) {
          const rows = await pages(path);
          if (rows) return rows;
        }
        throw unusable(`${path.split("?")[0]} changes while it is read`);
      },
      [Symbol.dispose]: () => client[Symbol.dispose](),
    };
  } catch (error) {
    client[Symbol.dispose]();
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unusable("an answer is no JSON");
  }
}

function rowOf(value: unknown): Row {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unusable("an answer is no object");
  return value as Row;
}

/** A member that is a text; rejects what has none. */
export function textOf(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== "string") throw unusable(`an answer has no ${name}`);
  return value;
}
