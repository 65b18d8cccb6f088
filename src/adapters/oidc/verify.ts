/**
 * Verifies access tokens: JSON Web Tokens (RFC 7519) by the profile of RFC 9068, and by those of the providers that came before it.
 *
 * A token is taken when an issuer of the configuration signed it with an asymmetric key of its own, for an audience of ours, and when
 * now is between its nbf and its exp, give or take half a minute. It must say that it is an access token: an ID token has the
 * same signature and goes through more hands.
 */
import type { JWTPayload, JWTHeaderParameters } from "jose";
import { DomainError } from "../../kernel/errors.ts";
import type { Claims } from "../../kernel/claims.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Provider } from "./provider.ts";

export interface TrustedIssuer {
  readonly provider: Provider;
  readonly audiences: readonly string[];
  /** Takes tokens that do not say of which kind they are (`typ` is `JWT`, or is not there), as those of providers without any other. */
  readonly takesUntyped: boolean;
}

/**
 * The claims of a token. Undefined when no issuer of ours is named in it, or a signature is not good: nothing more is said then.
 * Rejects with `unauthenticated` and the reason when it is signed well, and with `unavailable` when keys cannot be read.
 */
export type VerifyToken = (token: string) => Promise<{ readonly issuer: string; readonly claims: Claims } | undefined>;

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const toleranceSeconds = 30;

/** Three parts, as only a signed token has; the file's tokens have no dots. */
export function looksSigned(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

export function createVerifier(issuers: readonly TrustedIssuer[], clock: Pick<Clock, "now">): VerifyToken {
  const byIssuer = new Map(issuers.map((trusted) => [trusted.provider.issuer, trusted]));
  return async (token) => {
    const { decodeJwt, errors, jwtVerify } = await import("jose");
    const claimed = named(token, decodeJwt);
    const trusted = claimed === undefined ? undefined : byIssuer.get(claimed);
    if (!trusted) return undefined;
    const { provider, audiences, takesUntyped } = trusted;
    const options = {
      algorithms,
      issuer: provider.issuer,
      audience: [...audiences],
      requiredClaims: ["exp", "sub"],
      clockTolerance: toleranceSeconds,
      currentDate: new Date(clock.now()),
    };
    const keyFor = async (header: JWTHeaderParameters, jws: Parameters<Provider["keyFor"]>[1]) => {
      const key = await provider.keyFor(header, jws);
      if (!key) throw new errors.JWKSNoMatchingKey();
      return key;
    };
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keyFor, options);
      if (!isAccessToken(protectedHeader, payload, takesUntyped)) throw rejected("it is not an access token (typ)");
      return { issuer: provider.issuer, claims: payload };
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw rejected("it has expired");
      if (error instanceof errors.JWTClaimValidationFailed) throw rejected(claimText(error.claim));
      if (error instanceof DomainError) throw error;
      // Whatever else: it comes from what the caller sent, or from a key that cannot verify it.
      return undefined;
    }
  };
}

function named(token: string, decode: (token: string) => JWTPayload): string | undefined {
  try {
    return decode(token).iss;
  } catch {
    return undefined;
  }
}

/** RFC 9068; Keycloak, which says it in a claim; or one of no kind at all, where such are taken. */
function isAccessToken(header: JWTHeaderParameters, payload: JWTPayload, takesUntyped: boolean): boolean {
  const type = header.typ?.toLowerCase().replace(/^application\//, "");
  if (type === "at+jwt") return true;
  if (type !== undefined && type !== "jwt") return false;
  if (payload["typ"] !== undefined) return payload["typ"] === "Bearer";
  // What only ID tokens have (OpenID Connect Core, 2 and 3.1.3.6).
  return takesUntyped && !["nonce", "at_hash", "c_hash"].some((claim) => Object.hasOwn(payload, claim));
}

function claimText(claim: string): string {
  if (claim === "aud") return "it is for another audience";
  if (claim === "nbf") return "it is not valid yet";
  return `its claim ${claim} is missing or not valid`;
}

function rejected(why: string): DomainError {
  return new DomainError({ kind: "unauthenticated", reason: "UNAUTHENTICATED", message: `the token is not accepted: ${why}` });
}
