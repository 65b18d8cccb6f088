/** The variables of commands that call a server; the same list is in docs/cli.md. The server ignores them. */
export const clientVariables = {
  MUSTER_ADDRESS: { fallback: "127.0.0.1:7430", secret: false },
  MUSTER_TOKEN: { fallback: "", secret: true },
  MUSTER_PRINCIPAL: { fallback: "", secret: false },
  MUSTER_GROUPS: { fallback: "", secret: false },
  MUSTER_ROLES: { fallback: "", secret: false },
  MUSTER_CLIENT_CA: { fallback: "", secret: false },
  MUSTER_CLIENT_CERT: { fallback: "", secret: false },
  MUSTER_CLIENT_KEY: { fallback: "", secret: false },
} as const;

export type ClientVariable = keyof typeof clientVariables;
