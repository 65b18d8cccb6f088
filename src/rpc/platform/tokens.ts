import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { DomainError, type FieldViolation } from "../../kernel/errors.ts";
import { principalOf, roles, type Principal, type Role } from "../../kernel/caller.ts";

export interface TokenTable {
  /** The principal of this token. Takes the same time whether the token exists or not. */
  find(token: string): Principal | undefined;
}

interface Entry {
  readonly sha256: Buffer;
  readonly principal: Principal;
}

const principalPattern = /^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/;
const sha256Pattern = /^[0-9a-f]{64}$/;
const entryKeys = new Set(["principal", "roles", "sha256"]);

/** A new random token (32 characters) and its hash for the token file. */
export function generateToken(): { readonly token: string; readonly sha256: string } {
  const token = randomBytes(24).toString("base64url");
  return { token, sha256: digest(token).toString("hex") };
}

/**
 * Reads a token file: `{"tokens": [{"principal": "ci", "roles": ["registrar"], "sha256": "<hex of the token's hash>"}]}`.
 * A principal may have several tokens. Throws one `invalid` error with every problem of the file.
 */
export function parseTokenFile(text: string): TokenTable {
  const problems: FieldViolation[] = [];
  const entries = entriesOf(parseJson(text, problems), problems);
  const seen = new Map<string, number>();
  entries.forEach((entry, i) => {
    const hash = entry?.sha256.toString("hex");
    if (hash === undefined) return;
    const former = seen.get(hash);
    if (former !== undefined) problems.push({ field: `tokens[${i}].sha256`, description: `is the same as that of tokens[${former}]` });
    seen.set(hash, former ?? i);
  });
  if (problems.length > 0) {
    throw new DomainError({
      kind: "invalid",
      reason: "INVALID_FIELDS",
      message: `the token file is not valid: ${problems.map((p) => `${p.field} ${p.description}`).join("; ")}`,
      fields: problems,
    });
  }
  return createTokenTable(entries.filter((entry) => entry !== undefined));
}

function createTokenTable(entries: readonly Entry[]): TokenTable {
  return {
    find(token) {
      const hash = digest(token);
      let found: Principal | undefined;
      for (const entry of entries) if (timingSafeEqual(entry.sha256, hash)) found = entry.principal;
      return found;
    },
  };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

function parseJson(text: string, problems: FieldViolation[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote the file.
    problems.push({ field: "(file)", description: "is not JSON" });
    return undefined;
  }
}

function entriesOf(file: unknown, problems: FieldViolation[]): readonly (Entry | undefined)[] {
  if (file === undefined) return [];
  const tokens = isObject(file) && Object.keys(file).length === 1 ? file["tokens"] : undefined;
  if (!Array.isArray(tokens)) {
    problems.push({ field: "(file)", description: 'must be an object with the one key "tokens", a list' });
    return [];
  }
  return tokens.map((token, i) => entryOf(token, `tokens[${i}]`, problems));
}

function entryOf(token: unknown, at: string, problems: FieldViolation[]): Entry | undefined {
  const bad = (field: string, description: string) => void problems.push({ field, description });
  if (!isObject(token)) return bad(at, "must be an object");
  const before = problems.length;
  for (const key of Object.keys(token)) if (!entryKeys.has(key)) bad(`${at}.${key}`, "is not a known key");
  const { principal, roles: held, sha256 } = token;
  if (typeof principal !== "string" || !principalPattern.test(principal)) bad(`${at}.principal`, "must be 1 to 128 of A-Z a-z 0-9 . _ @ : / -");
  if (!Array.isArray(held) || held.length === 0 || !held.every(isRole)) bad(`${at}.roles`, `must be one or more of ${roles.join(", ")}`);
  if (typeof sha256 !== "string" || !sha256Pattern.test(sha256)) bad(`${at}.sha256`, "must be 64 lower-case hexadecimal digits");
  if (problems.length > before) return undefined;
  return {
    sha256: Buffer.from(sha256 as string, "hex"),
    principal: principalOf("tokens", principal as string, held as Role[]),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRole(value: unknown): value is Role {
  return roles.some((role) => role === value);
}
