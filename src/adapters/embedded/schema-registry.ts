/**
 * Schema registry in the store, for installations without Apicurio.
 *
 * Guarantees the same as the real one. Each operation is one transaction; of two callers that insert the same version concurrently
 * one wins and the other sees the result, because its transaction is rerun. Every version here was created by Muster, so unlike in
 * Apicurio there are no foreign ones that `disable` would leave alone.
 */
import type { SchemaDocument, SchemaRegistry } from "../../registration/ports.ts";
import { DomainError, refused } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { RegistrationStore, RegistrationTx } from "../../registration/records.ts";
import { isStorable } from "../schema-name.ts";

/** `store` stays the caller's to dispose. */
export function createEmbeddedSchemas({ store, clock }: { readonly store: RegistrationStore; readonly clock: Clock }): SchemaRegistry {
  return {
    async put(document, attemptId, signal) {
      signal.throwIfAborted();
      checkAcceptable(document);
      return store.tx((tx) => putVersion(tx, document, attemptId, clock.now()));
    },

    async get(artifactId, version, signal) {
      signal.throwIfAborted();
      const found = await store.tx((tx) => tx.registryVersions.find(artifactId, version));
      return found?.enabled ? found.content : undefined;
    },

    async versions(artifactId, signal) {
      signal.throwIfAborted();
      const found = await store.tx((tx) => tx.registryVersions.list(artifactId));
      return found.filter(({ enabled }) => enabled).map(({ version }) => version);
    },

    async disable(artifactId, version, signal) {
      signal.throwIfAborted();
      return store.tx(async (tx) => {
        const found = await tx.registryVersions.find(artifactId, version);
        if (found === undefined) return false;
        if (found.enabled) await tx.registryVersions.setEnabled(artifactId, version, false);
        return true;
      });
    },

    ping: (signal) => store.ping(signal),

    async [Symbol.asyncDispose]() {},
  };
}

async function putVersion(tx: RegistrationTx, document: SchemaDocument, attemptId: string, at: number): Promise<{ created: boolean }> {
  const { artifactId, version, kind, content } = document;
  const found = await tx.registryVersions.find(artifactId, version);
  if (found === undefined) {
    await tx.registryVersions.insert({ artifactId, version, kind, content, label: attemptId, at });
    return { created: true };
  }
  if (found.content !== content) {
    throw new DomainError({
      kind: "wrong_state",
      reason: "SCHEMA_VERSION_CONFLICT",
      message: `version ${version} of ${artifactId} already has another content`,
      metadata: { artifactId, version },
    });
  }
  if (!found.enabled) await tx.registryVersions.setEnabled(artifactId, version, true);
  return { created: !found.enabled };
}

/** Inputs that Apicurio would refuse. */
function checkAcceptable({ artifactId, version, content }: SchemaDocument): void {
  if (!isStorable(artifactId, version)) throw refused("schema registry", "a name it cannot store");
  if (content === "") throw refused("schema registry", "no content");
}
