/** Artifact ids in the schema registry, by the name of the service. */

/** The configuration schema of a module. */
export function moduleArtifactOf(name: string): string {
  return `${name}-config`;
}

/** The configuration schema of a connector. */
export function connectorArtifactOf(name: string): string {
  return `${name}-connector-config`;
}

/** The OpenAPI document of a service whose request names no other. */
export function httpArtifactOf(name: string): string {
  return `${name}-http-config`;
}
