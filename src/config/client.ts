/** What the commands that call a server are told; the same list stands in docs/cli.md. The server lets them stand. */
export const clientVariables = {
  MUSTER_ADDRESS: { fallback: "127.0.0.1:7430", secret: false },
  MUSTER_TOKEN: { fallback: "", secret: true },
  MUSTER_CLIENT_CA: { fallback: "", secret: false },
  MUSTER_CLIENT_CERT: { fallback: "", secret: false },
  MUSTER_CLIENT_KEY: { fallback: "", secret: false },
} as const;

export type ClientVariable = keyof typeof clientVariables;
