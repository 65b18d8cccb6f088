import type { Registration, RegistrationTx } from "../records.ts";
import type { Candidate } from "./content.ts";

/** What is live, as if it asked to go live. */
export async function liveCandidate(tx: RegistrationTx, registration: Registration): Promise<Candidate> {
  const { schema, description, ...attempt } = registration;
  const version = schema && (await tx.schemas.find(schema.artifactId, schema.version));
  return {
    attempt: { ...attempt, generation: 0, traceparent: undefined },
    schema: version && { artifactId: version.artifactId, version: version.version, sha256: version.sha256, comparison: version.comparison },
    description: description === undefined ? undefined : (JSON.parse(description) as Candidate["description"]),
  };
}
